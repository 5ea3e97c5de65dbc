import WireSyntax

/// Typed views of the headers that every element reads. A message that was read from the wire has passed its syntax check: on such a one these
/// throw only when the header is absent.
extension Headers {
    public func from() throws(SyntaxError) -> NameAddress { try address(.from) }

    public func to() throws(SyntaxError) -> NameAddress { try address(.to) }

    /// A single address, as of From, To, Refer-To.
    public func address(_ name: HeaderName) throws(SyntaxError) -> NameAddress {
        var cursor = Cursor(try required(name), field: name.description)
        let address = try cursor.nameAddress()
        try cursor.expectEnd()
        return address
    }

    public var callID: String? { self[.callID] }

    public func cSeq() throws(SyntaxError) -> CSeq {
        var cursor = Cursor(try required(.cSeq), field: "CSeq")
        let value = try cursor.cSeq()
        try cursor.expectEnd()
        return value
    }

    /// The first hop of the first Via field.
    public func topVia() throws(SyntaxError) -> Via {
        var cursor = Cursor(try required(.via), field: "Via")
        return try cursor.via()
    }

    public func vias() throws(SyntaxError) -> [Via] {
        try parseList(.via) { (cursor) throws(SyntaxError) in try cursor.via() }
    }

    /// Puts `via` in the place of the topmost hop.
    public mutating func replaceTopVia(with via: Via) { replaceFirst(.via, with: via.description) }

    /// The Contact values. Empty for `Contact: *`, which `isContactWildcard` tells.
    public func contacts() throws(SyntaxError) -> [NameAddress] {
        if isContactWildcard { return [] }
        return try addresses(.contact)
    }

    /// `Contact: *` (RFC 3261 §10.2.2)
    public var isContactWildcard: Bool { values(.contact) == ["*"] }

    /// The values of Route, Record-Route, Path or Service-Route, topmost first.
    public func routes(_ name: HeaderName) throws(SyntaxError) -> [NameAddress] {
        try parseList(name) { (cursor) throws(SyntaxError) in try cursor.nameAddress(isBracketed: true) }
    }

    /// The addresses of any list header, as of P-Asserted-Identity.
    public func addresses(_ name: HeaderName) throws(SyntaxError) -> [NameAddress] {
        try parseList(name) { (cursor) throws(SyntaxError) in try cursor.nameAddress() }
    }

    /// 0…255; nil when absent (or not a number, in a message of our own making).
    public var maxForwards: Int? { number(.maxForwards, upTo: 255).map { Int($0) } }

    /// Seconds.
    public var expires: UInt32? { seconds(.expires) }

    public var minExpires: UInt32? { seconds(.minExpires) }

    public var contentLength: Int? { number(.contentLength, upTo: UInt64(Int32.max)).map { Int($0) } }

    public var contentType: MediaType? { self[.contentType].flatMap { try? MediaType($0) } }

    private func seconds(_ name: HeaderName) -> UInt32? {
        number(name, upTo: UInt64(UInt32.max)).map { UInt32(truncatingIfNeeded: $0) }
    }

    private func number(_ name: HeaderName, upTo limit: UInt64) -> UInt64? {
        guard let text = self[name] else { return nil }
        var cursor = Cursor(text)
        guard let value = try? cursor.number("", upTo: limit), cursor.isAtEnd else { return nil }
        return value
    }

    private func required(_ name: HeaderName) throws(SyntaxError) -> String {
        guard let value = self[name] else { throw SyntaxError("\(name) is missing", field: name.description) }
        return value
    }

    private func parseList<Item>(
        _ name: HeaderName, _ item: (inout Cursor) throws(SyntaxError) -> Item
    ) throws(SyntaxError) -> [Item] {
        var items: [Item] = []
        for value in values(name) {
            var cursor = Cursor(value, field: name.description)
            repeat { items.append(try item(&cursor)) } while cursor.separator(",")
            try cursor.expectEnd()
        }
        return items
    }
}
