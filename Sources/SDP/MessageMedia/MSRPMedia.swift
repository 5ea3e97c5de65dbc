import WireSyntax

/// A typed view of one MSRP line (`m=message`), with what the session level says about it (RFC 4975 §8, RFC 6135, RFC 6714, RFC 8122).
///
/// Reading looks at the media level first and falls back to the session level where the attribute allows it. Setters edit `media` in place; the session
/// level is never edited here, since other lines may live on it.
///
///     var view = MSRPMedia(offer.media[0], in: offer)
///     view.setup = .passive
///     offer.media[0] = view.media
public struct MSRPMedia: Hashable, Sendable {
    public var media: MediaDescription
    private let sessionAttributes: [Attribute]
    private let sessionConnection: ConnectionData?

    public init(_ media: MediaDescription, in session: SessionDescription) {
        self.media = media
        sessionAttributes = session.attributes
        sessionConnection = session.connection
    }

    // MARK: m= and c=

    /// Over `TCP/MSRP` or `TCP/TLS/MSRP`. The media type ought to be `message`; another one makes it no less MSRP.
    public var isMSRP: Bool { ["TCP/MSRP", "TCP/TLS/MSRP"].contains(media.proto.uppercased()) }

    public var isTLS: Bool {
        get { media.proto.uppercased() == "TCP/TLS/MSRP" }
        set { media.proto = newValue ? "TCP/TLS/MSRP" : "TCP/MSRP" }
    }

    /// Nil where the number is no TCP port.
    public var port: UInt16? {
        get { UInt16(exactly: media.port) }
        set { media.port = Int(newValue ?? 0) }
    }

    /// The address or name in the `c=` that holds for this line.
    public var address: Host? { (media.connection ?? sessionConnection)?.host }

    /// Gives the line a `c=` of its own and a port.
    public mutating func setEndpoint(_ endpoint: Endpoint) {
        media.connection = ConnectionData(endpoint.address)
        media.port = Int(endpoint.port)
        media.portCount = nil
    }

    // MARK: MSRP

    /// The URIs of `a=path`, leftmost first; empty without one (RFC 4975 §8.1).
    public var paths: [String] {
        get {
            media.attributes.values("path").first.map { $0.split(separator: " ").map(String.init) } ?? []
        }
        set { media.attributes.set("path", newValue.isEmpty ? nil : newValue.joined(separator: " ")) }
    }

    /// `a=accept-types`, in order; nil where the line has none.
    public var acceptTypes: [String]? {
        get { media.attributes.values("accept-types").first?.split(separator: " ").map(String.init) }
        set { media.attributes.set("accept-types", newValue?.joined(separator: " ")) }
    }

    public var acceptWrappedTypes: [String]? {
        get { media.attributes.values("accept-wrapped-types").first?.split(separator: " ").map(String.init) }
        set { media.attributes.set("accept-wrapped-types", newValue?.joined(separator: " ")) }
    }

    /// `a=max-size` in octets.
    public var maxSize: UInt64? {
        get { media.attributes.values("max-size").first.flatMap { UInt64($0) } }
        set { media.attributes.set("max-size", newValue.map(String.init)) }
    }

    /// `a=msrp-cema` (RFC 6714 §4).
    public var hasCEMA: Bool {
        get { media.attributes.contains("msrp-cema") }
        set { media.attributes.replace("msrp-cema", with: newValue ? [Attribute("msrp-cema")] : []) }
    }

    // MARK: Roles and security

    /// `a=setup`, of the line or of the session; nil without one, or where it is none that is known.
    public var setup: Setup? {
        get {
            (media.attributes.values(Setup.attributeName).first
                ?? sessionAttributes.values(Setup.attributeName).first).flatMap { Setup(parsing: $0) }
        }
        set { media.attributes.set(Setup.attributeName, newValue?.rawValue) }
    }

    /// The well-formed fingerprints that hold for this line: its own, or the session's where it has no line of its own (RFC 8122 §5). Unknown hash
    /// functions are among them; malformed values are not.
    public var fingerprints: [Fingerprint] {
        get {
            let own = media.attributes.values(Fingerprint.attributeName)
            let values = own.isEmpty ? sessionAttributes.values(Fingerprint.attributeName) : own
            return values.compactMap { try? Fingerprint(parsing: $0) }
        }
        set { media.attributes.replace(Fingerprint.attributeName, with: newValue.map(\.attribute)) }
    }

    /// `a=3ge2ae` (TS 24.229 §7.5.2), of the media level only. Of several, a request counts, wherever it stands.
    public var threeGE2AE: EndToAccessEdge? {
        get {
            let all = media.attributes.values(EndToAccessEdge.attributeName).map { EndToAccessEdge(parsing: $0) }
            return all.contains(.requested) ? .requested : all.first
        }
        set {
            media.attributes.replace(EndToAccessEdge.attributeName, with: newValue.map { [$0.attribute] } ?? [])
        }
    }

    /// `a=key-mgmt` at media level (RFC 4567 §3.1); malformed values are left out.
    public var keyManagement: [KeyManagement] {
        media.attributes.values(KeyManagement.attributeName).compactMap { try? KeyManagement(parsing: $0) }
    }

    /// `a=key-mgmt` of the session level.
    public var sessionKeyManagement: [KeyManagement] {
        sessionAttributes.values(KeyManagement.attributeName).compactMap { try? KeyManagement(parsing: $0) }
    }

    /// Whether the line has a key-mgmt of that protocol, its data well-formed or not: what a rule must not miss.
    public func namesKeyManagement(_ protocolID: String) -> Bool {
        MSRPMedia.names(protocolID, in: media.attributes)
    }

    /// The same for the session level.
    public func sessionNamesKeyManagement(_ protocolID: String) -> Bool {
        MSRPMedia.names(protocolID, in: sessionAttributes)
    }

    private static func names(_ protocolID: String, in attributes: [Attribute]) -> Bool {
        attributes.values(KeyManagement.attributeName).contains { value in
            value.split(separator: " ").first?.lowercased() == protocolID
        }
    }

    public var direction: MediaDirection {
        get {
            MediaDirection.allCases.first { media.attributes.contains($0.rawValue) }
                ?? MediaDirection.allCases.first { sessionAttributes.contains($0.rawValue) } ?? .sendrecv
        }
        set {
            for other in MediaDirection.allCases { media.attributes.remove(other.rawValue) }
            media.attributes.append(Attribute(newValue.rawValue))
        }
    }
}

extension MSRPMedia {
    /// The line with what the session level says about its address, setup and fingerprints, so that it means the same in another description.
    public var standalone: MediaDescription {
        var line = self
        line.media.connection = media.connection ?? sessionConnection
        if let setup { line.setup = setup }
        if !media.attributes.contains(Fingerprint.attributeName) { line.fingerprints = fingerprints }
        return line.media
    }
}

/// RFC 8866 §6.7; `sendrecv` where nothing is said.
public enum MediaDirection: String, Hashable, Sendable, CaseIterable {
    case sendrecv, sendonly, recvonly, inactive
}

extension SessionDescription {
    /// The typed view of a line; nil where it is not MSRP or there is none.
    public func messageMedia(at index: Int) -> MSRPMedia? {
        guard media.indices.contains(index) else { return nil }
        let view = MSRPMedia(media[index], in: self)
        return view.isMSRP ? view : nil
    }

    /// The lines that are MSRP.
    public var messageMediaIndices: [Int] { media.indices.filter { messageMedia(at: $0) != nil } }
}
