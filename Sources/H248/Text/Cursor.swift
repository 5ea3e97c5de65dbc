import NIOCore
import WireSyntax

/// Why a message, or a transaction in it, could not be decoded.
public struct DecodingFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong and where.
    public var syntax: SyntaxError
    /// The error that answers it.
    public var code: ErrorCode
    /// The transaction request in which it lies, where its id could be read: then a Reply carries the error, otherwise the message does.
    public var transaction: UInt32?
    /// The Reply in which it lies, where its id could be read: the own transaction that it ends.
    public var reply: UInt32?
    /// The header, where it could be read.
    public var version: UInt8?
    public var sender: MessageIdentifier?
    /// The items before the one that failed.
    public var items: [TransactionItem] = []
    /// It lies in a reply, a pending or an acknowledgement: those are not answered.
    public var isUnanswerable = false

    /// For the peer: code and the located reason.
    public var descriptor: ErrorDescriptor { ErrorDescriptor(code, syntax.description) }
    public var description: String { "\(code): \(syntax)" }
}

/// Front to back over the octets of one message. Every read is checked against the end: the pointer is valid for `octets.count` octets only, and no
/// position beyond that is ever dereferenced.
struct Cursor {
    let octets: UnsafeRawBufferPointer
    /// The same octets, for slices.
    let buffer: ByteBuffer
    let limits: DecodingLimits
    var position = 0
    /// Names the descriptor or command that is being read, for errors.
    var field: String?

    init(_ octets: UnsafeRawBufferPointer, of buffer: ByteBuffer, limits: DecodingLimits) {
        self.octets = octets
        self.buffer = buffer
        self.limits = limits
    }

    var isAtEnd: Bool { position >= octets.count }

    /// The next octet; 0, which occurs nowhere in the grammar, at the end.
    @inline(__always)
    var next: UInt8 { position < octets.count ? octets[position] : 0 }

    @inline(__always)
    func octet(after distance: Int) -> UInt8 { position + distance < octets.count ? octets[position + distance] : 0 }

    func failure(_ reason: String, _ code: ErrorCode = .badRequest, at place: Int? = nil) -> DecodingFailure {
        let offset = min(place ?? position, octets.count)
        var line = 1
        for index in 0..<offset
        where octets[index] == 0x0A
            || (octets[index] == 0x0D && (index + 1 >= octets.count || octets[index + 1] != 0x0A))
        {
            line += 1
        }
        return DecodingFailure(syntax: SyntaxError(reason, field: field, at: offset, line: line), code: code)
    }

    /// What stands at the position, for an error text.
    var found: String {
        if isAtEnd { return "the end" }
        let octet = next
        return (0x21...0x7E).contains(octet) ? "'\(Character(UnicodeScalar(octet)))'" : "octet \(octet)"
    }

    // MARK: White space

    /// LWSP: white space, line ends and comments.
    mutating func skipSpace() throws(DecodingFailure) {
        while position < octets.count {
            switch octets[position] {
            case 0x20, 0x09, 0x0D, 0x0A: position += 1
            case UInt8(ascii: ";"):
                let start = position
                while position < octets.count, octets[position] != 0x0A, octets[position] != 0x0D { position += 1 }
                if isAtEnd { throw failure("a comment does not end with a line end", at: start) }
            default: return
            }
        }
    }

    /// SEP: at least one of white space, line end or comment.
    mutating func separator(_ after: String) throws(DecodingFailure) {
        let start = position
        try skipSpace()
        guard position > start else { throw failure("white space is missing after \(after), found \(found)") }
    }

    /// One structural octet with white space around it.
    mutating func expect(_ octet: UInt8) throws(DecodingFailure) {
        try skipSpace()
        guard next == octet else {
            throw failure("expected '\(Character(UnicodeScalar(octet)))', found \(found)")
        }
        position += 1
        try skipSpace()
    }

    /// Whether the octet stands next, after white space; it is consumed with the white space behind it.
    mutating func take(_ octet: UInt8) throws(DecodingFailure) -> Bool {
        try skipSpace()
        guard next == octet else { return false }
        position += 1
        try skipSpace()
        return true
    }

    mutating func open() throws(DecodingFailure) { try expect(UInt8(ascii: "{")) }
    mutating func close() throws(DecodingFailure) { try expect(UInt8(ascii: "}")) }
    mutating func equal() throws(DecodingFailure) { try expect(UInt8(ascii: "=")) }

    /// `item *(COMMA item) RBRKT`: after each item, whether another one follows; the closing brace is consumed.
    mutating func another(_ count: Int, of limit: Int, _ what: String) throws(DecodingFailure) -> Bool {
        if try take(UInt8(ascii: "}")) { return false }
        guard next == UInt8(ascii: ",") else { throw failure("expected ',' or '}', found \(found)") }
        guard count < limit else { throw failure("more than \(limit) \(what)", .insufficientResources) }
        position += 1
        try skipSpace()
        return true
    }

    // MARK: Words and numbers

    /// The run of octets that may form a token, a name or a path.
    mutating func word() -> UnsafeRawBufferPointer.SubSequence {
        let start = position
        while position < octets.count, isPathOctet(octets[position]) { position += 1 }
        return octets[start..<position]
    }

    /// ALPHA, then ALPHA, DIGIT and `_`: a token or a NAME.
    mutating func nameWord() -> UnsafeRawBufferPointer.SubSequence {
        let start = position
        while position < octets.count {
            let octet = octets[position]
            guard isLetter(octet) || isDigit(octet) || octet == UInt8(ascii: "_") else { break }
            position += 1
        }
        return octets[start..<position]
    }

    /// The token at the position, which is consumed; nil and nothing consumed when it is none.
    mutating func token() -> Token? {
        let start = position
        if next == UInt8(ascii: "!") {
            position += 1
            return .megaco
        }
        if let token = Token(nameWord()) { return token }
        position = start
        return nil
    }

    /// 1 to 10 decimal digits up to `maximum`.
    mutating func number(_ what: String, maximum: UInt64 = UInt64(UInt32.max)) throws(DecodingFailure) -> UInt64 {
        let start = position
        var value: UInt64 = 0
        while isDigit(next) {
            guard position - start < 10 else { throw failure("\(what) has too many digits", at: start) }
            value = value * 10 + UInt64(next - 0x30)
            position += 1
        }
        guard position > start else { throw failure("\(what) is not a number, found \(found)") }
        guard value <= maximum else { throw failure("\(what) is above \(maximum)", at: start) }
        return value
    }

    mutating func uint16(_ what: String) throws(DecodingFailure) -> UInt16 {
        UInt16(try number(what, maximum: UInt64(UInt16.max)))
    }

    mutating func uint32(_ what: String) throws(DecodingFailure) -> UInt32 { UInt32(try number(what)) }

    mutating func version() throws(DecodingFailure) -> UInt8 { UInt8(try number("Version", maximum: 99)) }

    func text(_ part: UnsafeRawBufferPointer.SubSequence) -> String { String(decoding: part, as: UTF8.self) }

    mutating func name(_ what: String) throws(DecodingFailure) -> Name {
        let start = position
        let part = nameWord()
        guard let first = part.first, isLetter(first) else {
            position = start
            throw failure("\(what) is not a name, found \(found)")
        }
        guard part.count <= 64 else { throw failure("\(what) is longer than 64 characters", at: start) }
        return Name(unchecked: text(part))
    }

    /// pkgdName
    mutating func itemName(_ what: String) throws(DecodingFailure) -> ItemName {
        let start = position
        var package: Name?
        if next == UInt8(ascii: "*") { position += 1 } else { package = try name(what) }
        guard next == UInt8(ascii: "/") else {
            throw failure("\(what) is not of the form package/item, found \(found)")
        }
        position += 1
        if next == UInt8(ascii: "*") {
            position += 1
            return ItemName(package: package, item: nil)
        }
        guard package != nil else { throw failure("only '*' may follow '*/'", at: start) }
        return ItemName(package: package, item: try name(what))
    }

    mutating func terminationID() throws(DecodingFailure) -> TerminationID {
        let start = position
        let part = word()
        guard !part.isEmpty else { throw failure("a TerminationID is missing, found \(found)") }
        guard part.count <= TerminationID.maximumLength else {
            throw failure("a TerminationID is longer than 64 characters", .incorrectIdentifier, at: start)
        }
        return TerminationID(unchecked: text(part))
    }

    // MARK: Values

    mutating func quotedString(_ what: String) throws(DecodingFailure) -> String {
        guard next == UInt8(ascii: "\"") else { throw failure("\(what) is not a quoted string, found \(found)") }
        position += 1
        let start = position
        while true {
            guard position < octets.count else { throw failure("\(what): the quoted string does not end", at: start) }
            let octet = octets[position]
            if octet == UInt8(ascii: "\"") { break }
            guard octet >= 0x20 && octet != 0x7F || octet == 0x09 else {
                throw failure("\(what): octet \(octet) in a quoted string")
            }
            guard position - start < limits.valueLength else {
                throw failure("\(what) is longer than \(limits.valueLength) octets", at: start)
            }
            position += 1
        }
        defer { position += 1 }
        return text(octets[start..<position])
    }

    mutating func value(_ what: String) throws(DecodingFailure) -> Value {
        if next == UInt8(ascii: "\"") { return Value(quoted: try quotedString(what)) }
        let start = position
        while position < octets.count, isSafe(octets[position]) { position += 1 }
        guard position > start else { throw failure("\(what) has no value, found \(found)") }
        guard position - start <= limits.valueLength else {
            throw failure("\(what) is longer than \(limits.valueLength) octets", at: start)
        }
        return Value(text(octets[start..<position]))
    }

    /// parmValue
    mutating func parameterValue(_ what: String) throws(DecodingFailure) -> ParameterValue {
        try skipSpace()
        let sign = next
        guard !isAtEnd else { throw failure("\(what) has no value, found the end") }
        position += 1
        try skipSpace()
        switch sign {
        case UInt8(ascii: ">"): return .greater(try value(what))
        case UInt8(ascii: "<"): return .less(try value(what))
        case UInt8(ascii: "#"): return .notEqual(try value(what))
        case UInt8(ascii: "="): break
        default:
            position -= 1
            throw failure("\(what) has no value, found \(found)")
        }
        switch next {
        case UInt8(ascii: "["):
            position += 1
            try skipSpace()
            let first = try value(what)
            if try take(UInt8(ascii: ":")) {
                let last = try value(what)
                try expect(UInt8(ascii: "]"))
                return .range(first, last)
            }
            return .sublist(try valueList(after: first, until: UInt8(ascii: "]"), what))
        case UInt8(ascii: "{"):
            position += 1
            try skipSpace()
            let first = try value(what)
            return .alternatives(try valueList(after: first, until: UInt8(ascii: "}"), what))
        default:
            return .equal(try value(what))
        }
    }

    private mutating func valueList(after first: Value, until end: UInt8, _ what: String) throws(DecodingFailure)
        -> [Value]
    {
        var values = [first]
        while try take(UInt8(ascii: ",")) {
            guard values.count < limits.listItems else { throw failure("\(what) has too many values") }
            values.append(try value(what))
        }
        try expect(end)
        return values
    }

    // MARK: Octets as received

    /// The octets of Local or Remote up to the closing brace, which is consumed: leading white space and what follows the last line end left out, `\}`
    /// read as `}` (B.2 octetString). A slice of the message unless something was escaped.
    mutating func octetString(_ what: String) throws(DecodingFailure) -> ByteBuffer {
        while position < octets.count, [0x20, 0x09, 0x0D, 0x0A].contains(octets[position]) { position += 1 }
        let start = position
        var escapes = 0
        scan: while true {
            guard position < octets.count else { throw failure("\(what) does not end with '}'", at: start) }
            switch octets[position] {
            case UInt8(ascii: "}"): break scan
            case UInt8(ascii: "\\") where octet(after: 1) == UInt8(ascii: "}"):
                escapes += 1
                position += 2
            case 0: throw failure("octet 0 in \(what)")
            default: position += 1
            }
            guard position - start <= limits.sessionDescriptionLength else {
                throw failure("\(what) is longer than \(limits.sessionDescriptionLength) octets", at: start)
            }
        }
        var end = position
        position += 1
        try skipSpace()
        // Keep the last line's end, drop what the sender put before the brace.
        while end > start, [0x20, 0x09, 0x0D, 0x0A].contains(octets[end - 1]) { end -= 1 }
        if end > start {
            while octets[end] == 0x20 || octets[end] == 0x09 { end += 1 }
            if octets[end] == 0x0D { end += 1 }
            if octets[end] == 0x0A { end += 1 }
        }
        let base = buffer.readerIndex
        guard escapes > 0 else { return buffer.getSlice(at: base + start, length: end - start) ?? ByteBuffer() }
        var copy = ByteBuffer()
        copy.reserveCapacity(end - start)
        var index = start
        while index < end {
            if octets[index] == UInt8(ascii: "\\"), index + 1 < end, octets[index + 1] == UInt8(ascii: "}") {
                index += 1
            }
            copy.writeInteger(octets[index])
            index += 1
        }
        return copy
    }

    /// From the opening brace to the one that closes it, both included; quoted strings and comments respected. For what is kept as received.
    mutating func skipBalanced(_ what: String) throws(DecodingFailure) {
        let start = position
        var depth = 0
        while true {
            guard position < octets.count else { throw failure("\(what) does not end with '}'", at: start) }
            switch octets[position] {
            case UInt8(ascii: "{"):
                depth += 1
                guard depth <= limits.depth else { throw failure("\(what) is nested deeper than \(limits.depth)") }
                position += 1
            case UInt8(ascii: "}"):
                depth -= 1
                position += 1
                if depth == 0 { return }
            case UInt8(ascii: "\""): _ = try quotedString(what)
            case UInt8(ascii: ";"): try skipSpace()
            default: position += 1
            }
        }
    }

    func slice(from start: Int, to end: Int) -> ByteBuffer {
        buffer.getSlice(at: buffer.readerIndex + start, length: end - start) ?? ByteBuffer()
    }
}

/// SafeChar of B.2.
@inline(__always)
func isSafe(_ octet: UInt8) -> Bool {
    switch octet {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x26, 0x21, 0x5F, 0x2F, 0x27, 0x3F, 0x40, 0x5E, 0x60, 0x7E,
        0x2A, 0x24, 0x5C, 0x28, 0x29, 0x25, 0x7C, 0x2E:
        true
    default: false
    }
}

/// Which tokens have been seen: no allocation for a handful of bits.
struct TokenSet {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// False when it was there already.
    mutating func insert(_ token: Token) -> Bool {
        let bit: UInt64 = 1 << UInt64(token.rawValue & 63)
        if token.rawValue < 64 {
            defer { low |= bit }
            return low & bit == 0
        }
        defer { high |= bit }
        return high & bit == 0
    }
}
