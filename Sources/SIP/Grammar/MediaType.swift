import WireSyntax

/// `Content-Type: multipart/mixed;boundary=x` (RFC 3261 §20.15). Type and subtype are compared without regard to case.
public struct MediaType: Sendable {
    /// As it was spelled.
    public var type: String
    public var subtype: String
    public var parameters: Parameters

    public init(type: String, subtype: String, parameters: Parameters = Parameters()) {
        self.type = type
        self.subtype = subtype
        self.parameters = parameters
    }

    public init(_ text: String) throws(SyntaxError) {
        var cursor = Cursor(text)
        self = try cursor.mediaType()
        try cursor.expectEnd()
    }

    /// `type/subtype` in lower case, without parameters.
    public var essence: String { "\(type)/\(subtype)".asciiLowercased }

    public static let sdp = MediaType(type: "application", subtype: "sdp")

    public var isSDP: Bool { essence == "application/sdp" }
    public var isMultipart: Bool { type.equalsIgnoringCase("multipart") }
}

extension MediaType: Hashable, CustomStringConvertible {
    public static func == (left: MediaType, right: MediaType) -> Bool {
        left.essence == right.essence && left.parameters == right.parameters
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(essence) }

    public var description: String { "\(type)/\(subtype)\(parameters)" }
}

extension Cursor {
    mutating func mediaType() throws(SyntaxError) -> MediaType {
        skipWhiteSpace()
        let type = try token("a media type")
        try expectSeparator("/")
        let subtype = try token("a media subtype")
        let start = position
        let parameters = try parameters()
        for parameter in parameters.all where parameter.value == nil {
            throw fail("parameter \(parameter.name) has no value", at: start)
        }
        return MediaType(type: type, subtype: subtype, parameters: parameters)
    }
}
