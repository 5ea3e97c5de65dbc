/// A media description: `m=` and the lines below it (RFC 8866 §5.14).
public struct MediaDescription: Hashable, Sendable {
    /// `message`, `audio`, …: any token.
    public var media: String
    /// 0 refuses or ends the stream (RFC 3264 §5.1, §6). 0...65535 where the network type is IN.
    public var port: Int
    /// `/2` after the port: digits without a leading zero, or nil.
    public var portCount: String?
    /// `TCP/TLS/MSRP`, …: tokens with slashes between, as they came.
    public var proto: String
    /// At least one.
    public var formats: [String]
    /// `i=`
    public var information: OctetText?
    /// Several only for layered multicast; see `connection`.
    public var connections: [ConnectionData] = []
    public var bandwidths: [Bandwidth] = []
    public var attributes: [Attribute] = []

    public init(
        media: String, port: Int, proto: String, formats: [String], connection: ConnectionData? = nil,
        attributes: [Attribute] = []
    ) {
        self.media = media
        self.port = port
        self.proto = proto
        self.formats = formats
        self.connections = connection.map { [$0] } ?? []
        self.attributes = attributes
    }

    /// The first `c=` of this media description; setting it replaces them all.
    public var connection: ConnectionData? {
        get { connections.first }
        set { connections = newValue.map { [$0] } ?? [] }
    }

    /// RFC 3264 §6: port 0. The line stays in its place.
    public var isRejected: Bool { port == 0 }
}
