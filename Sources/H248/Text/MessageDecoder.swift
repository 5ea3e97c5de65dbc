import NIOCore
import WireSyntax

/// Text decoder of H.248.1 (RFC 3525 Annex B.2): long and short tokens mixed, in any case; comments, line ends and white space wherever LWSP stands.
///
/// One pass from front to back over the octets; SDP is handed out as slices of the input.
public struct MessageDecoder: Sendable {
    public var limits: DecodingLimits

    public init(limits: DecodingLimits = DecodingLimits()) { self.limits = limits }

    /// Reads the whole buffer as one message.
    ///
    /// - Throws: what was wrong, with the error code and the transaction that answer it, and the items before it.
    public func decode(_ buffer: ByteBuffer) throws(DecodingFailure) -> Message {
        guard buffer.readableBytes <= limits.messageSize else {
            throw DecodingFailure(
                syntax: SyntaxError("the message is larger than \(limits.messageSize) octets", at: limits.messageSize),
                code: .badRequest)
        }
        let result = buffer.withUnsafeReadableBytes { octets -> Result<Message, DecodingFailure> in
            var cursor = Cursor(octets, of: buffer, limits: limits)
            return Result { () throws(DecodingFailure) in try cursor.message() }
        }
        return try result.get()
    }
}

extension Message {
    /// Reads the whole buffer as one message.
    public init(decoding buffer: ByteBuffer, limits: DecodingLimits = DecodingLimits()) throws(SyntaxError) {
        do {
            self = try MessageDecoder(limits: limits).decode(buffer)
        } catch {
            throw error.syntax
        }
    }
}

extension Cursor {
    /// megacoMessage
    mutating func message() throws(DecodingFailure) -> Message {
        field = "header"
        try skipSpace()
        var authentication: AuthenticationHeader?
        let start = position
        var first = token()
        if first == .authentication {
            authentication = try authenticationHeader()
            first = token()
        }
        guard first == .megaco else { throw failure("the message does not begin with MEGACO/ or !/", at: start) }
        guard next == UInt8(ascii: "/") else { throw failure("expected '/' after MEGACO, found \(found)") }
        position += 1
        let version = try version()
        try separator("the version")
        var sender: MessageIdentifier?
        var items: [TransactionItem] = []
        do {
            let mid = try messageIdentifier()
            sender = mid
            try separator("the mId")
            field = nil
            let body = try messageBody(&items)
            return Message(version: version, sender: mid, authentication: authentication, body: body)
        } catch {
            var failure = error
            failure.version = version
            failure.sender = sender
            failure.items = items
            throw failure
        }
    }

    /// authenticationHeader, after its token
    private mutating func authenticationHeader() throws(DecodingFailure) -> AuthenticationHeader {
        try equal()
        let index = try hexadecimal(8...8, "SecurityParmIndex")
        try expect(UInt8(ascii: ":"))
        let number = try hexadecimal(8...8, "SequenceNum")
        try expect(UInt8(ascii: ":"))
        let data = try hexadecimal(24...64, "AuthData")
        try separator("the authentication header")
        return AuthenticationHeader(securityParameterIndex: index, sequenceNumber: number, data: data)
    }

    private mutating func hexadecimal(_ count: ClosedRange<Int>, _ what: String) throws(DecodingFailure) -> String {
        guard next == UInt8(ascii: "0"), folded(octet(after: 1)) == UInt8(ascii: "x") else {
            throw failure("\(what) does not begin with 0x")
        }
        position += 2
        return try hexDigits(count, what)
    }

    private mutating func hexDigits(_ count: ClosedRange<Int>, _ what: String) throws(DecodingFailure) -> String {
        let start = position
        while hexDigitValue(next) != nil, position - start <= count.upperBound { position += 1 }
        guard count.contains(position - start) else {
            throw failure(
                "\(what) does not have \(count.lowerBound) to \(count.upperBound) hexadecimal digits", at: start)
        }
        return text(octets[start..<position])
    }

    /// mId
    mutating func messageIdentifier() throws(DecodingFailure) -> MessageIdentifier {
        let start = position
        switch next {
        case UInt8(ascii: "["):
            let inner = try enclosed(by: UInt8(ascii: "]"), "mId")
            guard let address = IPAddress(inner) else { throw failure("the mId holds no IP address", at: start) }
            return .address(address, port: try midPort())
        case UInt8(ascii: "<"):
            let inner = try enclosed(by: UInt8(ascii: ">"), "mId")
            guard inner.utf8.count <= 64, let head = inner.utf8.first, isLetter(head) || isDigit(head),
                inner.utf8.allSatisfy({ isLetter($0) || isDigit($0) || $0 == 0x2D || $0 == 0x2E })
            else { throw failure("the mId holds no domain name", at: start) }
            return .domain(inner.lowercased(), port: try midPort())
        default:
            if folded(next) == UInt8(ascii: "m"), Token(nameWord()) == .mtp {
                try skipSpace()
                if next == UInt8(ascii: "{") {
                    try open()
                    let digits = try hexDigits(4...8, "mtpAddress")
                    guard next == UInt8(ascii: "}") else { throw failure("expected '}', found \(found)") }
                    position += 1
                    return .mtp(digits.uppercased())
                }
            }
            position = start
            let name = word()
            guard let head = name.first, isLetter(head) || head == UInt8(ascii: "*"),
                name.count <= TerminationID.maximumLength
            else { throw failure("the mId is missing or no address, domain or device name", at: start) }
            return .device(text(name).lowercased())
        }
    }

    private mutating func enclosed(by end: UInt8, _ what: String) throws(DecodingFailure) -> String {
        position += 1
        let start = position
        while next != end {
            guard !isAtEnd, position - start < 128 else { throw failure("\(what) does not end", at: start) }
            position += 1
        }
        defer { position += 1 }
        return text(octets[start..<position])
    }

    private mutating func midPort() throws(DecodingFailure) -> UInt16? {
        guard next == UInt8(ascii: ":") else { return nil }
        position += 1
        return try uint16("the mId's port")
    }

    /// messageBody
    private mutating func messageBody(_ items: inout [TransactionItem]) throws(DecodingFailure) -> Message.Body {
        let start = position
        if let token = token(), token == .error {
            let descriptor = try errorDescriptor()
            try skipSpace()
            guard isAtEnd else { throw failure("something follows the error descriptor") }
            return .error(descriptor)
        }
        position = start
        while !isAtEnd {
            guard items.count < limits.items else {
                throw failure("more than \(limits.items) transactions", .tooManyTransactions)
            }
            items.append(try transactionItem())
            try skipSpace()
        }
        guard !items.isEmpty else { throw failure("the message has no transaction") }
        return .transactions(items)
    }

    private mutating func transactionItem() throws(DecodingFailure) -> TransactionItem {
        let start = position
        switch token() {
        case .transaction:
            try equal()
            let id = try uint32("the transaction id")
            do {
                return .request(TransactionRequest(id: id, actions: try actionRequests()))
            } catch {
                var failure = error
                failure.transaction = id
                if failure.code == .badRequest { failure.code = .transactionSyntax }
                throw failure
            }
        case .reply:
            return try unanswerable { (cursor) throws(DecodingFailure) in .reply(try cursor.transactionReply()) }
        case .pending:
            return try unanswerable { (cursor) throws(DecodingFailure) in
                try cursor.equal()
                let id = try cursor.uint32("the transaction id")
                try cursor.open()
                try cursor.close()
                return .pending(id)
            }
        case .responseAck:
            return try unanswerable { (cursor) throws(DecodingFailure) in .responseAck(try cursor.acknowledgements()) }
        default:
            throw failure("expected Transaction, Reply, Pending or TransactionResponseAck", at: start)
        }
    }

    private mutating func unanswerable(
        _ body: (inout Cursor) throws(DecodingFailure) -> TransactionItem
    ) throws(DecodingFailure) -> TransactionItem {
        do {
            return try body(&self)
        } catch {
            var failure = error
            failure.isUnanswerable = true
            throw failure
        }
    }

    private mutating func acknowledgements() throws(DecodingFailure) -> [ClosedRange<UInt32>] {
        field = "TransactionResponseAck"
        try open()
        var ranges: [ClosedRange<UInt32>] = []
        repeat {
            let first = try uint32("a transaction id")
            var last = first
            if next == UInt8(ascii: "-") {
                position += 1
                last = try uint32("a transaction id")
            }
            guard first <= last else { throw failure("a range ends before it begins") }
            ranges.append(first...last)
        } while try another(ranges.count, of: limits.acknowledgements, "acknowledged ranges")
        return ranges
    }

    /// errorDescriptor, after its token
    mutating func errorDescriptor() throws(DecodingFailure) -> ErrorDescriptor {
        try equal()
        let code = ErrorCode(UInt16(try number("the error code", maximum: 9999)))
        try open()
        let text = next == UInt8(ascii: "\"") ? try quotedString("the error text") : nil
        try close()
        return ErrorDescriptor(code, text)
    }
}
