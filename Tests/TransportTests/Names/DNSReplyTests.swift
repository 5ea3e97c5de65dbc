import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite("RFC 1035 4.1: answers of the DNS")
struct DNSReplyTests {
    /// A message made by hand: one question for `ims.lab`, and records whose owner is a pointer to it.
    static func message(_ type: UInt16, _ records: [(type: UInt16, ttl: UInt32, data: [UInt8])]) -> [UInt8] {
        var octets: [UInt8] = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0]
        octets += name("ims.lab") + number(type) + number(1)
        for record in records {
            octets += [0xC0, 12] + number(record.type) + number(1)
            octets += number(UInt16(record.ttl >> 16)) + number(UInt16(truncatingIfNeeded: record.ttl))
            octets += number(UInt16(record.data.count)) + record.data
        }
        return octets
    }

    static func number(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }

    static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    static func srv(_ target: [UInt8]) -> [UInt8] { number(10) + number(20) + number(5060) + target }

    static func read(_ octets: [UInt8], _ kind: DNSQuestion.Kind) throws -> DNSReply.Contents {
        try octets.withUnsafeBytes { try DNSReply.read($0, as: kind) }
    }

    @Test("RFC 2782: priority, weight, port and target; a pointer in the target is followed")
    func services() throws {
        let pointed = Self.srv([3] + Array("One".utf8) + [0xC0, 12])
        let octets = Self.message(33, [(33, 300, pointed), (33, 60, Self.srv([0]))])
        let contents = try Self.read(octets, .srv)
        #expect(
            contents.answer
                == .srv([
                    SRVRecord(priority: 10, weight: 20, port: 5060, target: "one.ims.lab"),
                    SRVRecord(priority: 10, weight: 20, port: 5060, target: ""),
                ]))
        #expect(contents.timeToLive == 60)
    }

    @Test("RFC 3403 4.1: order, preference, flags, service, regular expression and replacement")
    func authorities() throws {
        let data =
            Self.number(50) + Self.number(7) + Self.text("s") + Self.text("SIPS+D2T") + Self.text("")
            + Self.name("_sips._tcp.ims.lab")
        let contents = try Self.read(Self.message(35, [(35, 1, data)]), .naptr)
        #expect(
            contents.answer
                == .naptr([
                    NAPTRRecord(
                        order: 50, preference: 7, flags: "s", service: "SIPS+D2T", replacement: "_sips._tcp.ims.lab")
                ]))
    }

    @Test("other records count for the time only; none of the kind: absent")
    func others() throws {
        let alias = (type: UInt16(5), ttl: UInt32(5), data: Self.name("other.lab"))
        let octets = Self.message(33, [alias, (33, 300, Self.srv(Self.name("one.ims.lab")))])
        #expect(try Self.read(octets, .srv).timeToLive == 5)
        #expect(try Self.read(Self.message(33, [alias]), .srv).answer == .absent)
        #expect(try Self.read(Self.message(33, []), .srv) == .init(answer: .absent, timeToLive: 0))
    }

    @Test("RFC 2181 8: a time with the top bit set is 0")
    func negativeTime() throws {
        let octets = Self.message(33, [(33, 0x8000_0001, Self.srv(Self.name("one.ims.lab")))])
        #expect(try Self.read(octets, .srv).timeToLive == 0)
    }

    @Test("RFC 1035 2.3.4: a target that is no host name is left out", arguments: ["a b", "a\u{0}b", "a/b", "\u{E9}"])
    func strangeNames(label: String) throws {
        let good = (type: UInt16(33), ttl: UInt32(9), data: Self.srv(Self.name("one.ims.lab")))
        let octets = Self.message(33, [(33, 9, Self.srv(Self.name(label))), good])
        #expect(
            try Self.read(octets, .srv).answer
                == .srv([SRVRecord(priority: 10, weight: 20, port: 5060, target: "one.ims.lab")]))
    }

    static let bad: [(String, [UInt8])] = [
        ("nothing", []),
        ("half a header", [1, 2, 3, 4, 5, 6]),
        ("an owner that points at itself", Array(message(33, []).prefix(6)) + [0, 1, 0, 0, 0, 0] + [0xC0, 12]),
        ("a target that points ahead", message(33, [(33, 1, srv([0xC0, 0xFF]))])),
        ("a target that points at itself", message(33, [(33, 1, srv([0xC0, 43]))])),
        ("a label of a reserved kind", message(33, [(33, 1, srv([0x80, 0]))])),
        ("a target beyond its record", message(33, [(33, 1, number(1) + number(2) + number(3) + [9])])),
        ("octets behind the target", message(33, [(33, 1, srv([0]) + [0])])),
        ("a record beyond the message", Array(message(33, [(33, 1, srv([0]))]).dropLast())),
        ("a text beyond its record", message(35, [(35, 1, number(1) + number(2) + [200, 65])])),
        // RFC 1035 2.3.4: 255 octets.
        (
            "a name that is too long",
            message(33, [(33, 1, srv((0..<5).flatMap { _ in [63] + Array(repeating: UInt8(0x61), count: 63) } + [0]))])
        ),
    ]

    @Test("A13: a damaged answer is an error, and ends no process", arguments: bad)
    func damaged(what: String, octets: [UInt8]) {
        for kind in [DNSQuestion.Kind.srv, .naptr] where what != "a text beyond its record" || kind == .naptr {
            guard kind == .srv || what == "a text beyond its record" else { continue }
            #expect(throws: DNSReply.Malformed.self, "\(what)") { try Self.read(octets, kind) }
        }
    }

    @Test("A13: each octet of an answer changed, and each length cut: read or refused, never more")
    func everyOctet() {
        let octets = Self.message(
            33, [(33, 300, Self.srv([3] + Array("one".utf8) + [0xC0, 12])), (5, 1, [0xC0, 12])])
        for index in octets.indices {
            for value: UInt8 in [0, 1, 0x3F, 0x40, 0xC0, 0xFF] {
                var copy = octets
                copy[index] = value
                _ = try? Self.read(copy, .srv)
                _ = try? Self.read(copy, .naptr)
            }
            _ = try? Self.read(Array(octets.prefix(index)), .srv)
        }
    }
}
