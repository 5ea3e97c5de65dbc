import NIOCore
import WireSyntax

/// Why the session description of a message cannot be read. Such a message is answered and never passes (TS 24.229: an IMS-ALG must read what it
/// lets through).
public enum SessionBodyError: Error, Hashable, Sendable {
    /// The body or a multipart is not well-formed.
    case malformed(SyntaxError)
    /// Content-Encoding or Content-Transfer-Encoding: its name.
    case encoded(String)
    /// S/MIME or another protected wrapper: its media type.
    case protected(String)
    /// More than one description: nobody can tell which one will be used.
    case severalDescriptions
    /// A body without Content-Type.
    case untyped
    /// A body that describes a session in a type other than SDP.
    case unknownType(String)

    /// 400, 415 or 488.
    public var status: Int {
        switch self {
        case .malformed: 400
        case .encoded, .protected, .untyped, .unknownType: 415
        case .severalDescriptions: 488
        }
    }

    /// For a Warning or a reason phrase.
    public var reason: String {
        switch self {
        case .malformed(let error): "body: \(error)"
        case .encoded(let name): "a session body in \(displayEscaped(name, limit: 40)) cannot be read here"
        case .protected(let type): "a session body in \(displayEscaped(type, limit: 60)) cannot be read here"
        case .severalDescriptions: "more than one session description"
        case .untyped: "a body without Content-Type"
        case .unknownType(let type): "session bodies of type \(displayEscaped(type, limit: 60)) are not understood"
        }
    }
}

extension Message {
    /// The one SDP part of the message, at any depth; nil when there is none.
    ///
    /// - Throws: when the message has a session body that cannot be read (RFC 3261 §20.11, RFC 5621).
    public func sessionDescription() throws(SessionBodyError) -> BodyPart? {
        guard body.readableBytes > 0 else { return nil }
        if headers[.contentType] == nil { throw .untyped }
        if let encoding = headers.list(.contentEncoding).first(where: { !$0.equalsIgnoringCase("identity") }) {
            throw .encoded(encoding)
        }
        let parts: [BodyPart]
        do throws(SyntaxError) { parts = try bodyParts() } catch { throw .malformed(error) }
        var found: BodyPart?
        for part in parts {
            try part.checkReadable()
            guard part.contentType?.isSDP == true else { continue }
            guard found == nil else { throw .severalDescriptions }
            found = part
        }
        return found
    }
}

extension BodyPart {
    /// Types that may hold a session description where it cannot be seen.
    private static let wrappers: Set<String> = [
        "application/pkcs7-mime", "application/x-pkcs7-mime", "application/pkcs7", "message/external-body",
    ]

    fileprivate func checkReadable() throws(SessionBodyError) {
        let type = contentType?.essence ?? "text/plain"
        if Self.wrappers.contains(type) { throw .protected(type) }
        let mayDescribe = contentType?.isSDP == true
        if let container = containers.first(where: { $0.essence == "multipart/encrypted" }) {
            throw .protected(container.essence)
        }
        // Signed: what is rewritten no longer verifies.
        if mayDescribe, let container = containers.first(where: { $0.essence == "multipart/signed" }) {
            throw .protected(container.essence)
        }
        let describes = mayDescribe || (disposition == "session" || disposition == "early-session") && !isOptional
        guard describes else { return }
        if let encoding = headers.list(.contentEncoding).first(where: { !$0.equalsIgnoringCase("identity") }) {
            throw .encoded(encoding)
        }
        if let encoding = headers["Content-Transfer-Encoding"]?.asciiLowercased,
            !["7bit", "8bit", "binary"].contains(encoding)
        {
            throw .encoded(encoding)
        }
        guard mayDescribe else { throw .unknownType(type) }
    }
}
