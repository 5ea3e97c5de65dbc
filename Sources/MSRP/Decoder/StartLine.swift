import NIOCore
import WireSyntax

/// `MSRP SP transact-id SP method` or `MSRP SP transact-id SP status [SP comment]` (RFC 4975 §9), read so that a faulty one still tells where its message ends.
struct StartLine: Sendable {
    /// nil where it is not an ident.
    var transactionID: Ident?
    var method: RequestMethod?
    var status: UInt16?
    /// Of the line.
    var comment: Range<Int>?
    /// Octets of the line without CRLF.
    var length: Int
    var error: SyntaxError?
    let endLine: EndLine
    private let rawTransactionID: [UInt8]

    /// A failure where no transaction id can be found.
    static func parse(_ line: UnsafeRawBufferPointer, _ limits: DecoderLimits) -> Result<StartLine, SyntaxError> {
        let space = UInt8(ascii: " ")
        guard line.starts(with: "MSRP ".utf8) else {
            return .failure(SyntaxError("the message does not begin with \"MSRP \"", at: 0, line: 1))
        }
        let identifier = line[5...].prefix { $0 != space }
        guard (1...limits.salvagedTransactionID).contains(identifier.count),
            identifier.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return .failure(SyntaxError("the transaction id cannot be read", at: 5, line: 1)) }
        var result = StartLine(rawTransactionID: Array(identifier), length: line.count)
        result.transactionID = Ident(UnsafeRawBufferPointer(rebasing: identifier))
        if result.transactionID == nil {
            result.error = SyntaxError("the transaction id is not 4 to 32 characters of ident", at: 5, line: 1)
        }
        let word = identifier.endIndex + 1
        guard identifier.endIndex < line.endIndex, word < line.endIndex else {
            result.fault("a method or a status code is missing", at: identifier.endIndex)
            return .success(result)
        }
        let rest = line[word...]
        if (0x30...0x39).contains(line[word]) {
            result.status = threeDigits(rest.prefix(3))
            if result.status == nil || (rest.count > 3 && line[word + 3] != space) {
                result.status = result.status ?? 0
                result.fault("the status code is not three digits", at: word)
            } else if rest.count > 3 {
                result.comment = (word + 4)..<line.count
                if !isText(line[(word + 4)...]) { result.fault("a control character in the comment", at: word + 4) }
            }
        } else {
            result.method = RequestMethod(UnsafeRawBufferPointer(rebasing: rest))
            if result.method == nil { result.fault("the method is not a word in capitals", at: word) }
        }
        return .success(result)
    }

    private init(rawTransactionID: [UInt8], length: Int) {
        self.rawTransactionID = rawTransactionID
        self.length = length
        endLine = EndLine(transactionID: rawTransactionID)
    }

    private mutating func fault(_ reason: String, at offset: Int) {
        if error == nil { error = SyntaxError(reason, at: offset, line: 1) }
    }

    /// The flag, if `line` is this message's end-line.
    func flag(endLine line: UnsafeRawBufferPointer) -> ContinuationFlag? {
        guard line.count == 8 + rawTransactionID.count, line.starts(with: "-------".utf8),
            line[7..<(line.count - 1)].elementsEqual(rawTransactionID)
        else { return nil }
        return ContinuationFlag(rawValue: line[line.count - 1])
    }

    func malformed(_ error: SyntaxError) -> MalformedMessage {
        MalformedMessage(
            error: error, method: method, isResponse: status != nil, transactionID: transactionID, toPath: nil,
            fromPath: nil, failureReport: .yes)
    }
}

/// `utf8text` of RFC 4975 §9: no control characters but HTAB. The UTF-8 itself is not judged, as the grammar there is wider than UTF-8.
func isText(_ octets: some Sequence<UInt8>) -> Bool {
    octets.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
}
