import NIOCore
import WireSyntax

/// One part of a body that is not itself a multipart: the whole body, or a leaf of `multipart/…` (RFC 2046 §5.1, RFC 3261 §7.4, RFC 5621).
public struct BodyPart: Sendable {
    /// The fields of the part; for a body that is no multipart, those of the message.
    public let headers: Headers
    /// nil when the part does not say; `text/plain` is then meant (RFC 2046 §5.2), of a message nothing is known.
    public let contentType: MediaType?
    public let content: ByteBuffer
    /// Where it stands in the tree: `[]` the body itself, `[1, 0]` the first part of the second part.
    public let path: [Int]
    /// The multiparts around it, outermost first.
    public let containers: [MediaType]

    /// Octets of the body that are the content.
    let range: Range<Int>
    /// Content-Length fields of this part and of the parts around it, which count this content.
    let lengths: [Length]

    struct Length: Sendable {
        var range: Range<Int>
        var value: Int
    }

    /// The disposition type in lower case; `session` for SDP, `render` for anything else when it does not say (RFC 3261 §20.11).
    public var disposition: String {
        if let text = headers[.contentDisposition] {
            var cursor = Cursor(text)
            if let type = try? cursor.token() { return type.asciiLowercased }
        }
        return contentType?.isSDP == true ? "session" : "render"
    }

    /// `handling=optional`: whoever does not understand the part ignores it (RFC 3261 §20.11).
    public var isOptional: Bool {
        guard let text = headers[.contentDisposition] else { return false }
        var cursor = Cursor(text)
        guard (try? cursor.token()) != nil, let parameters = try? cursor.parameters() else { return false }
        return parameters.value("handling")?.equalsIgnoringCase("optional") == true
    }
}

/// What one body may hold.
public enum BodyLimits {
    /// Multiparts within multiparts.
    public static let depth = 4
    /// Parts in all.
    public static let parts = 64
    /// RFC 2046 §5.1.1
    public static let boundary = 70
}

extension Message {
    /// The leaves of the body in their order; none for an empty body.
    ///
    /// - Throws: a multipart that is not well-formed, or that passes `BodyLimits`. Offsets count from the beginning of the body.
    public func bodyParts() throws(SyntaxError) -> [BodyPart] {
        guard body.readableBytes > 0 else { return [] }
        var reader = MultipartReader(body)
        try reader.read(headers: headers, range: 0..<body.readableBytes, path: [], containers: [], lengths: [])
        return reader.parts
    }

    /// Puts `content` in the place of a part that `bodyParts` of this very body gave; every octet around it stays. The Content-Length of the
    /// message is made when it is written; those inside the body are corrected here.
    ///
    /// - Throws: where the content would end the multipart around it.
    public mutating func replace(_ part: BodyPart, with content: ByteBuffer) throws(SyntaxError) {
        for container in part.containers {
            let delimiter = "--" + (container.parameters.value("boundary") ?? "")
            guard !content.readableBytesView.containsLine(beginningWith: Array(delimiter.utf8)) else {
                throw SyntaxError("the new content holds the boundary of the multipart around it")
            }
        }
        var octets = Array(body.readableBytesView)
        guard part.range.upperBound <= octets.count else { throw SyntaxError("the part is not of this body") }
        octets.replaceSubrange(part.range, with: content.readableBytesView)
        // All of them stand before the content, the innermost last: backwards the offsets hold, and each counts what grew inside it.
        var growth = content.readableBytes - part.range.count
        for length in part.lengths.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
            let digits = Array(String(length.value + growth).utf8)
            octets.replaceSubrange(length.range, with: digits)
            growth += digits.count - length.range.count
        }
        body = ByteBuffer(bytes: octets)
    }
}

extension ByteBufferView {
    fileprivate func containsLine(beginningWith prefix: [UInt8]) -> Bool {
        var rest = self[...]
        while true {
            if rest.starts(with: prefix) { return true }
            guard let lineFeed = rest.firstIndex(of: 0x0A) else { return false }
            rest = rest[(lineFeed + 1)...]
        }
    }
}
