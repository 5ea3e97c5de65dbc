import NIOCore
import SIP
import WireSyntax

/// Reads the answer section of a DNS message (RFC 1035 §4.1) for NAPTR and SRV records and the time that they may be kept.
///
/// The octets are a stranger's: every length is checked against the message, names are bounded, and a pointer must point back.
enum DNSReply {
    /// Records that are read; the rest is ignored.
    static let maximumRecords = 128
    /// RFC 1035 §2.3.4.
    static let maximumName = 255
    /// Labels and pointers of one name.
    static let maximumSteps = 128
    static let srv: UInt16 = 33
    static let naptr: UInt16 = 35
    private static let inet: UInt16 = 1

    struct Malformed: Error, Hashable {}

    struct Contents: Hashable {
        var answer: DNSAnswer
        /// Seconds: the least of the answer.
        var timeToLive: UInt32
    }

    /// - Parameter kind: `.naptr` or `.srv`.
    static func read(_ octets: UnsafeRawBufferPointer, as kind: DNSQuestion.Kind) throws(Malformed) -> Contents {
        var reader = Reader(octets: octets)
        reader.position = 4
        let (questions, answers) = (try reader.number(), try reader.number())
        reader.position = 12
        for _ in 0..<questions {
            _ = try reader.name()
            try reader.skip(4)
        }
        var services: [SRVRecord] = []
        var authorities: [NAPTRRecord] = []
        var timeToLive = UInt32.max
        for _ in 0..<min(Int(answers), maximumRecords) {
            _ = try reader.name()
            let (type, form) = (try reader.number(), try reader.number())
            let seconds = UInt32(try reader.number()) << 16 | UInt32(try reader.number())
            let length = Int(try reader.number())
            let end = reader.position + length
            guard end <= octets.count else { throw Malformed() }
            // RFC 2181 §8: a value with the top bit set is 0. An alias (CNAME) on the way bounds the time as well.
            timeToLive = min(timeToLive, seconds >> 31 == 1 ? 0 : seconds)
            if form == inet, type == srv, kind == .srv {
                let (priority, weight, port) = (try reader.number(), try reader.number(), try reader.number())
                if let target = try reader.name() {
                    services.append(SRVRecord(priority: priority, weight: weight, port: port, target: target))
                }
            } else if form == inet, type == naptr, kind == .naptr {
                let (order, preference) = (try reader.number(), try reader.number())
                let (flags, service, expression) = (try reader.text(), try reader.text(), try reader.text())
                if let replacement = try reader.name() {
                    authorities.append(
                        NAPTRRecord(
                            order: order, preference: preference, flags: flags, service: service,
                            regularExpression: expression, replacement: replacement))
                }
            } else {
                reader.position = end
            }
            guard reader.position == end else { throw Malformed() }
        }
        let answer: DNSAnswer =
            switch kind {
            case .srv where !services.isEmpty: .srv(services)
            case .naptr where !authorities.isEmpty: .naptr(authorities)
            case .srv, .naptr, .addresses: .absent
            }
        return Contents(answer: answer, timeToLive: timeToLive == .max ? 0 : timeToLive)
    }

    private struct Reader {
        let octets: UnsafeRawBufferPointer
        var position = 0

        mutating func octet() throws(Malformed) -> UInt8 {
            guard position < octets.count else { throw Malformed() }
            defer { position += 1 }
            return octets[position]
        }

        mutating func number() throws(Malformed) -> UInt16 { UInt16(try octet()) << 8 | UInt16(try octet()) }

        mutating func skip(_ count: Int) throws(Malformed) {
            guard position + count <= octets.count else { throw Malformed() }
            position += count
        }

        /// A character-string: a length and so many octets.
        mutating func text() throws(Malformed) -> String {
            let length = Int(try octet())
            let start = position
            try skip(length)
            return String(decoding: octets[start..<position], as: UTF8.self)
        }

        /// A name without its final dot, in lower case; empty for the root; nil for one that is no host or service name, which nothing can be asked about.
        mutating func name() throws(Malformed) -> String? {
            var labels: [UInt8] = []
            var at = position
            var end: Int?
            for _ in 0..<maximumSteps {
                guard at < octets.count else { throw Malformed() }
                let length = Int(octets[at])
                switch length >> 6 {
                case 0 where length == 0:
                    position = end ?? at + 1
                    guard !labels.isEmpty else { return "" }
                    guard case .name(let name)? = Host(String(decoding: labels, as: UTF8.self)) else { return nil }
                    return name
                case 0:
                    guard at + 1 + length <= octets.count, labels.count + length < maximumName else {
                        throw Malformed()
                    }
                    if !labels.isEmpty { labels.append(UInt8(ascii: ".")) }
                    labels += octets[at + 1..<at + 1 + length]
                    at += 1 + length
                case 3:
                    guard at + 1 < octets.count else { throw Malformed() }
                    let target = (length & 0x3F) << 8 | Int(octets[at + 1])
                    guard target < at else { throw Malformed() }
                    end = end ?? at + 2
                    at = target
                default: throw Malformed()
                }
            }
            throw Malformed()
        }
    }
}
