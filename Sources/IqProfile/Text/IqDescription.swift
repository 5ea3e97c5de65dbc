import ApplicationLevelGateway
import H248
import NIOCore
import SDP
import WireSyntax

/// The SDP of Local and Remote on Iq (iq-h248 3.3): `v=0`, `c=`, one `m=message`, and setup, path and fingerprint lines; `$` where the gateway chooses.
/// It lacks the lines that a session description must have, so it is not one; other lines are passed over.
struct IqDescription: Hashable, Sendable {
    enum Choice<Value: Hashable & Sendable>: Hashable, Sendable {
        /// `$`
        case choose
        case given(Value)
    }

    /// From `IN IP4` or `IN IP6`.
    var family: AddressFamily?
    var address: Choice<Host>?
    /// Nil: no m-line, or `-` as its port.
    var port: Choice<UInt16>?
    var transport: MediaTransport?
    var setup: Setup?
    /// The URIs of `a=path`, `$` in them untouched.
    var paths: [String] = []
    var fingerprints: [Fingerprint] = []
    /// `a=fingerprint:SHA-256 $`
    var requestedFingerprints: [HashFunction] = []

    /// Lines, and octets of a line, at most.
    static let maximumLines = 64
    static let maximumPaths = 8
    static let maximumFingerprints = 16

    init() {}

    // MARK: Reading

    init(octets: ByteBuffer) throws(ErrorDescriptor) {
        var count = 0
        for line in octets.readableBytesView.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            count += 1
            guard count <= IqDescription.maximumLines else { throw Self.invalid("too many lines") }
            // A line that holds nothing: what stood before or behind the text.
            guard line.contains(where: { $0 != 0x20 && $0 != 0x09 }) else { continue }
            guard line.count >= 2, line[line.startIndex + 1] == UInt8(ascii: "=") else {
                throw Self.invalid("line \(count) is not of the form x=value")
            }
            let value = String(decoding: line.dropFirst(2), as: UTF8.self)
            switch line.first {
            case UInt8(ascii: "c"): try connection(value)
            case UInt8(ascii: "m"): try media(value)
            case UInt8(ascii: "a"): try attribute(value)
            default: break
            }
        }
    }

    private static func invalid(_ reason: String) -> ErrorDescriptor { ErrorDescriptor(.invalidSDP, reason) }

    private static func words(_ value: String) -> [Substring] { value.split(separator: " ") }

    private mutating func connection(_ value: String) throws(ErrorDescriptor) {
        let parts = Self.words(value)
        guard parts.count == 3, parts[0].uppercased() == "IN" else { throw Self.invalid("c=") }
        switch parts[1].uppercased() {
        case "IP4": family = .v4
        case "IP6": family = .v6
        default: throw Self.invalid("c=: \(parts[1]) is no address type")
        }
        if parts[2] == "$" {
            address = .choose
            return
        }
        guard let host = Host(parts[2]) else { throw Self.invalid("c=: no address") }
        if let address = host.address, address.isV6 != (family == .v6) {
            throw Self.invalid("c=: the address is of another family")
        }
        address = .given(host)
    }

    private mutating func media(_ value: String) throws(ErrorDescriptor) {
        guard transport == nil else { throw ErrorDescriptor(.unsupportedValue, "more than one m= line") }
        let parts = Self.words(value)
        guard parts.count >= 3 else { throw Self.invalid("m=") }
        guard parts[0].lowercased() == "message" else { throw ErrorDescriptor(ErrorCode(515), "m=\(parts[0])") }
        switch parts[1] {
        case "$": port = .choose
        case "-": port = nil
        default:
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(parts[1]) else {
                throw Self.invalid("m=: \(parts[1]) is no port")
            }
            port = .given(number)
        }
        guard let transport = MediaTransport(proto: parts[2]) else {
            throw ErrorDescriptor(.unsupportedValue, "transport \(parts[2])")
        }
        self.transport = transport
    }

    private mutating func attribute(_ value: String) throws(ErrorDescriptor) {
        let name = value.prefix { $0 != ":" }.lowercased()
        let content = value.dropFirst(name.count + 1)
        switch name {
        case Setup.attributeName:
            guard let setup = Setup(parsing: content) else { throw Self.invalid("a=setup") }
            self.setup = setup
        case "path":
            guard paths.count < Self.maximumPaths else { throw Self.invalid("too many paths") }
            paths += content.split(separator: " ").map(String.init)
        case Fingerprint.attributeName:
            guard fingerprints.count + requestedFingerprints.count < Self.maximumFingerprints else {
                throw Self.invalid("too many fingerprints")
            }
            if content.hasSuffix(" $") {
                requestedFingerprints.append(HashFunction(content.dropLast(2)))
                return
            }
            do {
                fingerprints.append(try Fingerprint(parsing: content))
            } catch {
                throw Self.invalid("a=fingerprint: \(error.reason)")
            }
        default: break
        }
    }

    // MARK: Writing

    var octets: ByteBuffer {
        var text = "v=0\r\n"
        let type = family == .v6 ? "IP6" : "IP4"
        switch address {
        case .choose: text += "c=IN \(type) $\r\n"
        case .given(.address(let address)): text += "c=IN \(address.isV6 ? "IP6" : "IP4") \(address)\r\n"
        case .given(.name(let name)): text += "c=IN \(type) \(name)\r\n"
        case nil: break
        }
        if let transport {
            let port =
                switch port {
                case .choose: "$"
                case .given(let number): String(number)
                case nil: "-"
                }
            text += "m=message \(port) \(transport.proto) *\r\n"
        }
        if let setup { text += "a=setup:\(setup.rawValue)\r\n" }
        if !paths.isEmpty { text += "a=path:\(paths.joined(separator: " "))\r\n" }
        for hash in requestedFingerprints { text += "a=fingerprint:\(hash) $\r\n" }
        for fingerprint in fingerprints { text += "a=fingerprint:\(fingerprint)\r\n" }
        return ByteBuffer(string: text)
    }

    /// A7: only what is a value may enter a descriptor. A path of a peer that has anything in it but visible ASCII, or a backslash or a brace, which no URI
    /// has unescaped (RFC 3986 §2), is refused.
    static func checkPath(_ path: String) throws(ErrorDescriptor) {
        let isClean = path.utf8.allSatisfy { octet in
            (0x21...0x7E).contains(octet) && octet != UInt8(ascii: "\\") && octet != UInt8(ascii: "{")
                && octet != UInt8(ascii: "}")
        }
        guard isClean, !path.isEmpty, path.utf8.count <= 1024 else {
            throw ErrorDescriptor(.invalidSDP, "a path holds what no URI can")
        }
    }
}

extension RemoteDescription {
    init(_ description: IqDescription) throws(ErrorDescriptor) {
        if case .choose = description.address { throw ErrorDescriptor(.unsupportedValue, "$ in Remote") }
        if case .choose = description.port { throw ErrorDescriptor(.unsupportedValue, "$ in Remote") }
        guard description.requestedFingerprints.isEmpty else { throw ErrorDescriptor(.unsupportedValue, "$ in Remote") }
        self.init(paths: description.paths, setup: description.setup, fingerprints: description.fingerprints)
        if case .given(let host) = description.address { address = host }
        if case .given(let number) = description.port { port = number }
    }

    /// As it stands in Remote. 474 where a value of the peer can't stand there (A7).
    package func octets(_ transport: MediaTransport) throws(ErrorDescriptor) -> ByteBuffer {
        try iqDescription(transport).octets
    }

    func iqDescription(_ transport: MediaTransport) throws(ErrorDescriptor) -> IqDescription {
        var description = IqDescription()
        if let address {
            description.address = .given(address)
            description.family = address.address?.isV6 == true ? .v6 : .v4
        }
        description.port = port.map { .given($0) }
        description.transport = transport
        description.setup = setup
        for path in paths { try IqDescription.checkPath(path) }
        description.paths = paths
        // What is no digest of a named function can't be verified: it only names the hash.
        description.fingerprints = fingerprints.filter { fingerprint in
            if case .other(let name) = fingerprint.hash {
                return name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x7B && $0 != 0x7D && $0 != 0x5C }
            }
            return true
        }
        return description
    }
}

extension LocalDescription {
    /// Complete SDP for the reply (iq-h248 10).
    package func octets(_ transport: MediaTransport) -> ByteBuffer { iqDescription(transport).octets }

    func iqDescription(_ transport: MediaTransport) -> IqDescription {
        var description = IqDescription()
        description.family = endpoint.address.isV6 ? .v6 : .v4
        description.address = .given(.address(endpoint.address))
        description.port = .given(endpoint.port)
        description.transport = transport
        description.setup = role == .active ? .active : .passive
        description.paths = path.map { [$0] } ?? []
        description.fingerprints = fingerprints
        return description
    }

    /// From a gateway's reply. 474 or 449 where something is missing or still `$`.
    package init(octets: ByteBuffer) throws(ErrorDescriptor) {
        let description = try IqDescription(octets: octets)
        guard case .given(let host) = description.address, let address = host.address,
            case .given(let port) = description.port
        else { throw ErrorDescriptor(.invalidSDP, "no address and port in Local") }
        self.init(
            endpoint: Endpoint(address, port), role: description.setup == .active ? .active : .passive,
            path: description.paths.first, fingerprints: description.fingerprints)
    }
}
