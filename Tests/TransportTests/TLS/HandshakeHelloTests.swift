import NIOCore
import Testing

@testable import Transport

@Suite("RFC 8446 4.1, 4.1.3, 4.2.1, RFC 5246 7.4.1: version, suite and client random from the hellos")
struct HandshakeHelloTests {
    static let random = (0..<32).map { UInt8($0) }

    static func record(_ message: [UInt8], type: UInt8 = 22) -> [UInt8] {
        [type, 3, 1, UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    }
    static func message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        [type, 0, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
    }
    static func serverHello(random: [UInt8] = random, extensions: [UInt8] = [0, 43, 0, 2, 3, 4]) -> [UInt8] {
        message(
            2, [3, 3] + random + [0] + [0x13, 0x01, 0] + [0, UInt8(extensions.count)] + extensions)
    }
    static let retryRandom: [UInt8] = [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2,
        0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ]

    @Test(
        "Reads a hello whole or octet by octet",
        arguments: [
            (record(message(1, [3, 3] + random + [0, 0])), HandshakeHello.Hello.client(random: random)),
            (record(serverHello()), .server(version: 0x0304, suite: 0x1301)),
            (record(serverHello(extensions: [])), .server(version: 0x0303, suite: 0x1301)),
            // A HelloRetryRequest and a change_cipher_spec come first.
            (
                record(serverHello(random: retryRandom)) + record([1], type: 20) + record(serverHello()),
                .server(version: 0x0304, suite: 0x1301)
            ),
            // One message in two records.
            (
                record(Array(serverHello()[..<10])) + record(Array(serverHello()[10...])),
                .server(version: 0x0304, suite: 0x1301)
            ),
        ])
    func hello(_ octets: [UInt8], _ expected: HandshakeHello.Hello) {
        var whole = HandshakeHello()
        whole.feed(ByteBuffer(bytes: octets))
        #expect(whole.hello == expected)
        var pieces = HandshakeHello()
        for octet in octets { pieces.feed(ByteBuffer(bytes: [octet])) }
        #expect(pieces.hello == expected)
    }

    @Test(
        "Bad input ends the search",
        arguments: [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), record(message(2, [3, 3, 0])), record(message(11, random + random)),
            record([1, 0xFF, 0xFF, 0xFF]) + [UInt8](repeating: 22, count: 40_000),
        ])
    func bad(_ octets: [UInt8]) {
        var reader = HandshakeHello()
        reader.feed(ByteBuffer(bytes: octets))
        #expect(reader.hello == nil && reader.isFinished)
    }
}
