import NIOCore
import Testing
import WireSyntax

@testable import MSRP

/// Messages damaged at random (the same in each run): nothing crashes, and how the octets are cut never changes what they say.
@Suite struct DamagedMessagesTests {
    static let originals = [
        MSRPDecoderTests.send, MSRPDecoderTests.response, MSRPDecoderTests.bodiless,
        MSRPDecoderTests.send + MSRPDecoderTests.response + MSRPDecoderTests.bodiless,
    ].map(crlf)

    static func damaged(_ original: String, _ random: inout Counter) -> ByteBuffer {
        var octets = Array(original.utf8)
        for _ in 0..<(1 + Int(random.next() % 4)) {
            guard !octets.isEmpty else { break }
            let place = Int(random.next() % UInt64(octets.count))
            switch random.next() % 5 {
            case 0: octets[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: octets.remove(at: place)
            case 2: octets.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            case 3: octets.removeSubrange(place..<min(octets.count, place + Int(random.next() % 40)))
            default:
                let end = min(octets.count, place + Int(random.next() % 60))
                octets.insert(contentsOf: Array(octets[place..<end]), at: Int(random.next() % UInt64(octets.count)))
            }
        }
        return ByteBuffer(bytes: octets)
    }

    @Test("whole, octet by octet and in pieces: the same events", arguments: originals)
    func cuts(_ original: String) {
        var random = Counter()
        for _ in 0..<400 {
            let octets = Self.damaged(original, &random)
            let whole = decode(octets)
            #expect(decode(octets, pieces: 1) == whole, "\(String(buffer: octets).debugDescription)")
            #expect(decode(octets, pieces: 1 + Int(random.next() % 90)) == whole)
        }
    }

    @Test("a session takes them without losing its mind: the next proper message is received")
    func session() throws {
        var random = Counter()
        for round in 0..<200 {
            var pair = try Pair()
            let message =
                "MSRP abcd1 SEND\nTo-Path: \(pair.bob.session.settings.own)\nFrom-Path: \(pair.alice.session.settings.own)\n"
                + "Message-ID: m\(1000 + round)\nByte-Range: 1-*/20\nContent-Type: text/plain\n\n0123456789\n-------abcd1+\n"
            let octets = Self.damaged(crlf(message), &random)
            do throws(SyntaxError) {
                pair.bob.decoder.feed(octets)
                while let event = try pair.bob.decoder.next() {
                    pair.bob.session.receive(event, using: &pair.bob.generator)
                    pair.bob.drain()
                }
            } catch { continue }
            // What was damaged may still be open: its end-line closes it.
            try? pair.bob.input("\n-------abcd1#\n")
            guard pair.bob.decoder.isIdle else { continue }
            let id = ident("final")
            #expect(
                pair.alice.session.send(.init(id: id, contentType: "a/b", content: ByteBuffer(string: "x"))) == true)
            pair.bob.wire = ""
            try pair.exchange()
            #expect(pair.bob.contents[id] == ByteBuffer(string: "x"))
        }
    }
}
