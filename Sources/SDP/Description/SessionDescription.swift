import WireSyntax

/// A session description (RFC 8866): what stands before the first `m=`, and the media descriptions.
///
/// Lines stand in the order of the grammar, so that the fields below are all there is to a description; lists keep the order in which they came, with
/// whatever attributes and bandwidth types nobody here knows. `k=` is dropped on reading (§5.12).
///
///     v=0
///     o=alice 2890844526 2890844526 IN IP4 192.0.2.7
///     s=-
///     c=IN IP4 192.0.2.7
///     t=0 0
///     m=message 9 TCP/TLS/MSRP *
///     a=path:msrps://192.0.2.7:9/kjh37s2s20w2a;tcp
public struct SessionDescription: Hashable, Sendable {
    public var origin: Origin
    /// `s=`, never empty; `-` where there is no name.
    public var name: OctetText
    /// `i=`
    public var information: OctetText?
    /// `u=`
    public var uri: OctetText?
    /// `e=`
    public var emails: [OctetText] = []
    /// `p=`
    public var phones: [OctetText] = []
    /// `c=` of the session; each media description may have its own.
    public var connection: ConnectionData?
    public var bandwidths: [Bandwidth] = []
    /// `t=` with its `r=` and `z=`; at least one.
    public var times: [TimeDescription]
    /// Attributes of the session level.
    public var attributes: [Attribute] = []
    public var media: [MediaDescription] = []

    public init(
        origin: Origin, name: OctetText = "-", connection: ConnectionData? = nil,
        times: [TimeDescription] = [.unbounded],
        attributes: [Attribute] = [], media: [MediaDescription] = []
    ) {
        self.origin = origin
        self.name = name
        self.connection = connection
        self.times = times
        self.attributes = attributes
        self.media = media
    }
}

extension SessionDescription {
    /// `c=` that holds for a media description: its own, or the session's (RFC 8866 §5.7).
    public func connection(of media: MediaDescription) -> ConnectionData? { media.connection ?? connection }
}
