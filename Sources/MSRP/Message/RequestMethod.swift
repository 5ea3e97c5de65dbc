import NIOCore

/// A method of RFC 4975 §9 (`SEND`, `REPORT`), RFC 4976 (`AUTH`), RFC 7701 (`NICKNAME`), or another in capitals. Case-sensitive.
public enum RequestMethod: Hashable, Sendable {
    case send, report, auth, nickname
    case other(String)

    /// Longest method that is read.
    public static let maximumLength = 32

    /// - Returns: nil where the octets are not `1*UPALPHA`.
    init?(_ octets: UnsafeRawBufferPointer) {
        guard (1...Self.maximumLength).contains(octets.count), octets.allSatisfy({ (0x41...0x5A).contains($0) }) else {
            return nil
        }
        if octets.elementsEqual("SEND".utf8) {
            self = .send
        } else if octets.elementsEqual("REPORT".utf8) {
            self = .report
        } else if octets.elementsEqual("AUTH".utf8) {
            self = .auth
        } else if octets.elementsEqual("NICKNAME".utf8) {
            self = .nickname
        } else {
            self = .other(String(decoding: octets, as: UTF8.self))
        }
    }
}

extension RequestMethod: CustomStringConvertible {
    public var description: String {
        switch self {
        case .send: "SEND"
        case .report: "REPORT"
        case .auth: "AUTH"
        case .nickname: "NICKNAME"
        case .other(let name): name
        }
    }
}

/// What ends a chunk (RFC 4975 §7.1).
public enum ContinuationFlag: UInt8, Hashable, Sendable {
    /// `$`: the chunk ends the message.
    case complete = 0x24
    /// `+`: more chunks follow.
    case more = 0x2B
    /// `#`: the message is given up.
    case aborted = 0x23
}
