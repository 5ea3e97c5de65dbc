import NIOCore

/// A message that has begun to arrive.
public struct IncomingMessage: Hashable, Sendable {
    public var id: Ident
    /// As the peer wrote it, with parameters.
    public var contentType: String
    /// The value of Content-Disposition, as the peer wrote it.
    public var contentDisposition: String?
    /// Octets that the peer announced, where it did.
    public var total: UInt64?
    /// The chunk that came first is not the first of the message.
    public var isOutOfOrder: Bool

    /// `type/subtype` in lower case, without parameters.
    public var mediaType: String { mediaTypeName(contentType) }
}

func mediaTypeName(_ contentType: String) -> String {
    let name = contentType.prefix { $0 != ";" }
    return String(name.filter { $0 != " " && $0 != "\t" }).lowercased()
}
