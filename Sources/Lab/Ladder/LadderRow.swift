import Observability

/// One row of a ladder, before it is drawn.
struct LadderRow: Hashable {
    enum Mark: Hashable {
        /// From one column to another (or to itself).
        case message(from: Int, to: Int)
        /// A TLS handshake between two columns.
        case tls(from: Int, to: Int, accepted: Bool)
        /// A TCP connection of the media plane.
        case tcp(from: Int, to: Int)
        /// Something that one node did by itself.
        case point(Int, good: Bool)
        /// No column: another address, or nothing at all.
        case none
    }

    /// Nanoseconds since 1970.
    var time: Int64
    var mark: Mark
    /// What stands beside it.
    var title: String
    /// From where to where, beside the title where there is room.
    var addresses: String?
    /// Addresses, headers, SDP lines.
    var details: [String]
}

/// Events to rows, in order of time: each message once, at its sender; long runs of MSRP chunks folded.
struct LadderRows {
    /// Rows of one kind of MSRP message between two ends that are drawn before the rest of them is only counted.
    static let shownOfARun = 2
    /// Details of one row.
    static let maximumDetails = 8

    let map: NetworkMap
    private(set) var rows: [LadderRow] = []
    private var runs: [String: Int] = [:]
    private var handshakes: Set<Set<String>> = []

    init(_ events: [FlowEvent], map: NetworkMap) {
        self.map = map
        let sorted = events.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }
        for event in sorted { add(event.element) }
        for index in rows.indices where rows[index].details.last == Self.more {
            let count = runs[rows[index].title + "\(rows[index].mark)"] ?? 0
            rows[index].details.removeLast()
            if count > Self.shownOfARun { rows[index].details.append("… \(count - Self.shownOfARun) more like it") }
        }
    }

    private static let more = "\u{0}more"

    private mutating func add(_ event: FlowEvent) {
        let here = map.index(ofNode: event.node)
        switch event.what {
        case .sip(let message):
            guard let mark = mark(here, message.local, message.remote, message.direction) else { return }
            let addresses = "\(message.transport) \(arrow(message.local, message.remote, message.direction))"
            append(event, mark, sipTitle(message), shown(message.lines), between: addresses)
        case .h248(let message):
            guard let mark = mark(here, message.local, message.remote, message.direction) else { return }
            let context = message.context.map { " (context \($0))" } ?? ""
            let addresses = "\(message.transport) \(arrow(message.local, message.remote, message.direction))"
            append(event, mark, "H.248 " + message.summary + context, shown(message.lines), between: addresses)
        case .msrp(let message): addMSRP(event, message, here)
        case .tls(let handshake): addTLS(event, handshake, here)
        case .connection(let connection):
            guard connection.state == .connected || connection.state == .failed, isMedia(connection.leg),
                !connection.remote.isEmpty, let here
            else { return }
            let other = map.index(ofEndpoint: connection.remote) ?? here
            let failed =
                connection.state == .failed ? "TCP failed" + (connection.reason.map { ": " + $0 } ?? "") : "TCP"
            append(
                event, .tcp(from: here, to: other), failed, [], between: "\(connection.local) -> \(connection.remote)")
        case .decision(let decision):
            append(
                event, point(here), "decision (\(decision.direction)): \(decision.outcome)",
                ["\(decision.reason) [\(decision.clause)]"])
        case .milestone(let milestone): addMilestone(event, milestone, here)
        case .refused(let refusal):
            append(event, point(here, good: false), "refused \(refusal.kind) \(refusal.remote)", [refusal.reason])
        case .warning(let text): append(event, point(here, good: false), "warning", [text])
        case .listening, .link: break
        }
    }

    private mutating func append(
        _ event: FlowEvent, _ mark: LadderRow.Mark, _ title: String, _ details: [String],
        between addresses: String? = nil
    ) {
        rows.append(LadderRow(time: event.time, mark: mark, title: title, addresses: addresses, details: details))
    }

    /// A message is drawn where it was sent; what a stranger sent is drawn where it was received.
    private func mark(_ here: Int?, _ local: String, _ remote: String, _ direction: FlowEvent.Direction)
        -> LadderRow.Mark?
    {
        let other = map.index(ofEndpoint: remote)
        switch (direction, here, other) {
        case (.sent, let here?, let other?): return .message(from: here, to: other)
        case (.received, _, _?): return nil
        case (_, let here?, nil): return .point(here, good: true)
        case (_, nil, _): return LadderRow.Mark.none
        }
    }

    private func point(_ index: Int?, good: Bool = true) -> LadderRow.Mark {
        index.map { .point($0, good: good) } ?? .none
    }

    private func arrow(_ local: String, _ remote: String, _ direction: FlowEvent.Direction) -> String {
        direction == .sent ? "\(local) -> \(remote)" : "\(remote) -> \(local)"
    }

    private func isMedia(_ leg: String) -> Bool { ["access", "core", "msrp"].contains(leg) }

    private func sipTitle(_ message: FlowEvent.Signalling) -> String {
        if message.startLine.hasPrefix("SIP/2.0 ") {
            let method = message.cSeq?.split(separator: " ").last.map { " (\($0))" } ?? ""
            return String(message.startLine.dropFirst(8)) + method
        }
        return message.startLine.hasSuffix(" SIP/2.0") ? String(message.startLine.dropLast(8)) : message.startLine
    }

    /// The lines that decide come first where there are more than fit; long values are cut in their middle.
    private func shown(_ lines: [String]) -> [String] {
        let wanted = lines.filter { line in !Self.dull.contains { line.lowercased().hasPrefix($0) } }
        return Array(wanted.prefix(Self.maximumDetails)).map(Self.shortened)
    }

    private static let dull = [
        "contact:", "record-route:", "route:", "require:", "proxy-require:", "authorization:", "proxy-authorization:",
        "p-asserted-identity:", "service-route:", "user-agent:", "www-authenticate:", "c=", "local: c=in ip4 $",
        "local: m=message $",
    ]

    private static func shortened(_ line: String) -> String {
        guard let start = line.firstRange(of: "SHA-"), line[start.lowerBound...].count > 40 else { return line }
        let value = line[start.lowerBound...]
        return line[..<start.lowerBound] + value.prefix(22) + "…" + value.suffix(5)
    }

    private mutating func addMSRP(_ event: FlowEvent, _ message: FlowEvent.MessageSession, _ here: Int?) {
        guard let mark = mark(here, message.local, message.remote, message.direction) else { return }
        let isResponse = message.summary.first?.isNumber ?? false
        let title = "MSRP " + message.summary
        let key = title + "\(mark)"
        let count = runs[key, default: 0] + 1
        runs[key] = count
        guard count <= Self.shownOfARun else { return }
        var details: [String] = []
        if !isResponse {
            var line = "\(message.bytes) octets"
            if let range = message.byteRange { line += ", Byte-Range \(range)" }
            if let type = message.contentType { line += ", \(type)" }
            details.append(line)
            if let path = message.toPath { details.append("To-Path: " + path) }
        }
        if count == Self.shownOfARun { details.append(Self.more) }
        append(event, mark, title, details, between: arrow(message.local, message.remote, message.direction))
    }

    /// Both ends tell of one handshake: drawn once when both were content, and each time one was not.
    private mutating func addTLS(_ event: FlowEvent, _ handshake: FlowEvent.Handshake, _ here: Int?) {
        guard let here else { return }
        let other = map.index(ofEndpoint: handshake.remote) ?? here
        if handshake.accepted, !handshakes.insert([handshake.local, handshake.remote]).inserted { return }
        let (from, to) = handshake.role == .client ? (here, other) : (other, here)
        var title = handshake.version ?? "TLS"
        if let cipher = handshake.cipher { title += " " + cipher }
        if !handshake.accepted { title = "TLS refused by \(event.node)" + (handshake.reason.map { ": " + $0 } ?? "") }
        let ends =
            handshake.role == .client
            ? "\(handshake.local) -> \(handshake.remote)" : "\(handshake.remote) -> \(handshake.local)"
        var details: [String] = []
        for expected in handshake.expectedFingerprints.prefix(2) { details.append("SDP: " + Self.shortened(expected)) }
        if let peer = handshake.peerFingerprint { details.append("TLS: " + Self.shortened(peer)) }
        append(event, .tls(from: from, to: to, accepted: handshake.accepted), title, details, between: ends)
    }

    private mutating func addMilestone(_ event: FlowEvent, _ milestone: FlowEvent.Milestone, _ here: Int?) {
        guard milestone.name != .progress, milestone.name != .ringing else { return }
        let bad: Set<FlowEvent.Milestone.Name> = [.registrationFailed, .gatewayLost, .callFailed, .messageFailed]
        var title = Self.words(milestone.name)
        if let bytes = milestone.bytes { title += ", \(bytes) octets" }
        var details: [String] = []
        if let detail = milestone.detail { details.append(detail) }
        if let digest = milestone.digest { details.append("SHA-256 \(digest.prefix(16))…") }
        append(event, point(here, good: !bad.contains(milestone.name)), title, details)
    }

    /// `messageReceived` → `message received`.
    static func words(_ name: FlowEvent.Milestone.Name) -> String {
        var text = ""
        for character in name.rawValue {
            if character.isUppercase { text += " " + character.lowercased() } else { text.append(character) }
        }
        return text
    }
}
