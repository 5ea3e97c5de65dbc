import NIOCore

/// A message that is to be sent in a session (RFC 4975 §7.1.1).
public struct OutgoingMessage: Sendable {
    public var id: Ident
    /// With parameters.
    public var contentType: String
    /// Octets of content.
    public let size: UInt64
    /// nil where it is asked for piece by piece (`Session.Action.needContent`).
    public let content: ByteBuffer?
    public var successReport: Bool
    public var failureReport: FailureReport
    /// MIME headers before Content-Type, such as Content-Disposition. From this program, without control characters.
    public var extra: [(name: String, value: String)]
    /// A SEND without content: no Content-Type, no data (RFC 4975 §7.1).
    let isBodiless: Bool

    /// A message whose content is in memory.
    public init(
        id: Ident, contentType: String, content: ByteBuffer, successReport: Bool = false,
        failureReport: FailureReport = .yes, extra: [(name: String, value: String)] = []
    ) {
        self.id = id
        self.contentType = contentType
        size = UInt64(content.readableBytes)
        self.content = content
        self.successReport = successReport
        self.failureReport = failureReport
        self.extra = extra
        isBodiless = false
    }

    /// A message whose content is read while it is sent.
    public init(
        id: Ident, contentType: String, size: UInt64, successReport: Bool = false,
        failureReport: FailureReport = .yes, extra: [(name: String, value: String)] = []
    ) {
        self.id = id
        self.contentType = contentType
        self.size = size
        content = size == 0 ? ByteBuffer() : nil
        self.successReport = successReport
        self.failureReport = failureReport
        self.extra = extra
        isBodiless = false
    }

    /// The SEND without content with which the active side shows itself (RFC 4975 §5.4).
    init(bodiless id: Ident) {
        self.id = id
        contentType = ""
        size = 0
        content = ByteBuffer()
        successReport = false
        failureReport = .yes
        extra = []
        isBodiless = true
    }
}
