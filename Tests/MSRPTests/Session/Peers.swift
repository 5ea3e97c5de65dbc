import NIOCore
import WireSyntax

@testable import MSRP

/// A source of numbers that is the same in each run.
struct Counter: RandomNumberGenerator {
    var value: UInt64 = 0x9E37_79B9_7F4A_7C15
    mutating func next() -> UInt64 {
        value = value &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return value ^ value >> 29
    }
}

/// One end: a session, the decoder before it and what it said.
struct End {
    var session: Session
    var decoder = MSRPDecoder()
    var generator = Counter()
    var actions: [Session.Action] = []
    /// What it wrote, as text.
    var wire = ""
    /// Content of messages received, by Message-ID.
    var contents: [Ident: ByteBuffer] = [:]
    /// Content of messages that are read while they are sent.
    var sources: [Ident: ByteBuffer] = [:]
    var now = NIODeadline.uptimeNanoseconds(1)

    init(_ session: Session, seed: UInt64) {
        self.session = session
        generator.value = seed
    }

    mutating func drain() {
        while let action = session.nextAction() {
            actions.append(action)
            switch action {
            case .content(let id, let data): contents[id, default: ByteBuffer()].writeImmutableBuffer(data)
            case .needContent(let id, let offset, let count):
                let source = sources[id] ?? ByteBuffer()
                session.supply(
                    source.getSlice(at: source.readerIndex + Int(offset), length: count) ?? ByteBuffer(), for: id)
            default: break
            }
        }
    }

    /// Everything that it writes at once, at most `limit` outputs.
    mutating func output(limit: Int = .max) -> ByteBuffer {
        var result = ByteBuffer()
        var count = 0
        drain()
        while count < limit {
            var output = session.nextOutput(using: &generator)
            drain()
            if output == nil {
                // Content may have come in the meantime.
                output = session.nextOutput(using: &generator)
                drain()
            }
            guard let output else { break }
            result.writeImmutableBuffer(output.octets)
            for transaction in output.ended { session.written(transaction, now: now) }
            count += 1
        }
        wire += String(decoding: result.readableBytesView, as: UTF8.self)
        return result
    }

    mutating func input(_ octets: ByteBuffer) throws {
        decoder.feed(ByteBuffer(bytes: octets.readableBytesView))
        while let event = try decoder.next() {
            session.receive(event, using: &generator)
            drain()
        }
    }

    mutating func input(_ text: String) throws { try input(ByteBuffer(string: crlf(text))) }
}

/// Two ends, joined.
struct Pair {
    var alice: End
    var bob: End

    init(accept: [String] = ["*"], change: (inout Session.Settings) -> Void = { _ in }) throws {
        let a = try MSRPURI("msrp://alice.example.com:7394/2s93i9ek2a;tcp")
        let b = try MSRPURI("msrp://bob.example.com:8493/si438dsaodes;tcp")
        var one = Session.Settings(own: a, peer: [b], isActive: true, acceptTypes: accept)
        var two = Session.Settings(own: b, peer: [a], isActive: false, acceptTypes: accept)
        change(&one)
        change(&two)
        alice = End(Session(one), seed: 1)
        bob = End(Session(two), seed: 2)
    }

    /// Carries octets both ways until nothing moves.
    mutating func exchange(limit: Int = .max) throws {
        while true {
            let one = alice.output(limit: limit)
            let two = bob.output(limit: limit)
            if one.readableBytes == 0, two.readableBytes == 0 { return }
            try bob.input(one)
            try alice.input(two)
        }
    }
}

func ident(_ text: String) -> Ident { Ident(text) ?? Ident(random: { 0 }) }
