import NIOCore
import Observability
import SIP

/// A SIP message as a flow event: the start line, the keys, and the lines on which decisions rest. Never a digest response, a key, or the text of a message.
enum SIPTrace {
    /// Lines of one event, and characters of one line; the rest is left out.
    static let maximumLines = 64
    static let maximumLength = 400

    static let headerNames: [HeaderName] = [
        "Security-Client", "Security-Server", "Security-Verify", "Require", "Proxy-Require", "Path", "Service-Route",
        "Route", "Record-Route", "Contact", "Reason", "Warning", "Retry-After", "P-Asserted-Identity", "User-Agent",
        "Privacy",
    ]

    static let sessionPrefixes = [
        "m=", "c=", "a=setup:", "a=fingerprint:", "a=3ge2ae", "a=path:", "a=msrp-cema", "a=key-mgmt:",
        "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive",
    ]

    static func event(_ message: Message, _ direction: FlowEvent.Direction, over flow: Flow) -> FlowEvent.What {
        let headers = message.headers
        return .sip(
            FlowEvent.Signalling(
                direction: direction, transport: flow.transport.rawValue, local: "\(flow.local)",
                remote: "\(flow.remote)", startLine: message.startLine, callID: headers.callID,
                fromTag: (try? headers.from())?.tag, toTag: (try? headers.to())?.tag, cSeq: headers[.cSeq],
                lines: lines(of: message)))
    }

    static func lines(of message: Message) -> [String] {
        var lines: [String] = []
        for name in headerNames {
            for value in message.headers.values(name) { lines.append(cut("\(name): \(value)")) }
        }
        for name: HeaderName in ["Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate"] {
            for value in message.headers.values(name) { lines.append("\(name): \(withoutResponse(value))") }
        }
        let type = message.headers[.contentType]?.lowercased() ?? ""
        if type.hasPrefix("application/sdp") || type.hasPrefix("multipart/") { lines += sessionLines(message.body) }
        return Array(lines.prefix(maximumLines))
    }

    /// The scheme of a challenge or of credentials, the user name and the algorithm.
    private static func withoutResponse(_ value: String) -> String {
        var words = [String(value.prefix { $0 != " " })]
        if let name = parameter("username", of: value) { words.append("username=\"\(name)\"") }
        if let algorithm = parameter("algorithm", of: value) { words.append("algorithm=\(algorithm)") }
        return cut(words.joined(separator: " "))
    }

    private static func parameter(_ name: String, of value: String) -> Substring? {
        guard let found = value.range(of: name + "=") else { return nil }
        let rest = value[found.upperBound...]
        return rest.first == "\"" ? rest.dropFirst().prefix { $0 != "\"" } : rest.prefix { $0 != "," && $0 != " " }
    }

    private static func sessionLines(_ body: ByteBuffer) -> [String] {
        var lines: [String] = []
        for octets in body.readableBytesView.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            guard octets.count > 2, lines.count < maximumLines,
                octets.first == 0x6D || octets.first == 0x61 || octets.first == 0x63
            else { continue }
            let line = String(decoding: octets, as: UTF8.self)
            guard sessionPrefixes.contains(where: line.hasPrefix) else { continue }
            // A MIKEY message may carry keys under no encryption at all.
            lines.append(line.hasPrefix("a=key-mgmt:") ? "\(line.prefix(32))…" : cut(line))
        }
        return lines
    }

    private static func cut(_ line: String) -> String {
        line.utf8.count <= maximumLength ? line : "\(line.prefix(maximumLength))…"
    }
}

extension String {
    /// `Foundation` has this; the essentials do not.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
