import NIOCore
import Testing
import WireSyntax

@testable import Transport

@Suite struct CaptureMergeTests {
    let a = Endpoint(.v4(0x7F00_0001), 1)
    let b = Endpoint(.v4(0x7F00_0002), 2)
    let c = Endpoint(.v4(0x7F00_0003), 3)

    private func file(_ blocks: [PCAPNGReader.Block]) -> ByteBuffer {
        var buffer = ByteBuffer()
        PCAPNG.writeFileHeader(interface: "test", into: &buffer)
        for block in blocks {
            switch block {
            case .packet(let packet, let time): PCAPNG.writePacket(packet, time: time, into: &buffer)
            case .secrets(let lines): PCAPNG.writeSecrets(lines, into: &buffer)
            }
        }
        return buffer
    }

    private func packet(_ from: Endpoint, _ to: Endpoint, _ text: String, _ time: Int64) -> PCAPNGReader.Block {
        .packet(SyntheticPacket.datagram(from: from, to: to, payload: ByteBuffer(string: text)), time: time)
    }

    private func blocks(_ buffer: ByteBuffer) throws -> [PCAPNGReader.Block] {
        var reader = try PCAPNGReader(buffer)
        var blocks: [PCAPNGReader.Block] = []
        while let block = try reader.next() { blocks.append(block) }
        return blocks
    }

    @Test("what was written is read back, times to the nanosecond")
    func roundTrip() throws {
        let written = [
            packet(a, b, "one", 1_700_000_000_123_456_789), .secrets(ByteBuffer(string: "CLIENT_RANDOM 00 11\n")),
            packet(b, a, "", 1_700_000_000_123_456_790),
        ]
        #expect(try blocks(file(written)) == written)
    }

    @Test("each conversation comes from the one file that has most of it, and time rules")
    func oneSide() throws {
        let one = file([packet(a, b, "1", 10), packet(b, a, "2", 30), packet(a, c, "only here", 25)])
        let other = file([packet(a, b, "1", 11), packet(b, a, "2", 29), packet(a, b, "3", 40)])
        let (merged, count) = try CaptureMerge.merge([one, other])
        #expect(count == 4)
        #expect(
            try blocks(merged) == [
                packet(a, b, "1", 11), packet(a, c, "only here", 25), packet(b, a, "2", 29), packet(a, b, "3", 40),
            ])
    }

    @Test("secrets come first, each once")
    func secrets() throws {
        let one = file([packet(a, b, "1", 1), .secrets(ByteBuffer(string: "X 1 2\n"))])
        let other = file([.secrets(ByteBuffer(string: "X 1 2\n")), .secrets(ByteBuffer(string: "Y 3 4\n"))])
        let (merged, _) = try CaptureMerge.merge([one, other], keyLog: ByteBuffer(string: "Y 3 4\nZ 5 6"))
        #expect(try blocks(merged).first == .secrets(ByteBuffer(string: "Y 3 4\nZ 5 6\nX 1 2\n")))
    }

    @Test("the file of a killed process ends with its last whole block", arguments: [1, 4, 20, 59])
    func truncated(missing: Int) throws {
        var whole = file([packet(a, b, "kept", 1), packet(a, b, "a tail that is not there", 2)])
        whole.moveWriterIndex(to: whole.writerIndex - missing)
        #expect(try blocks(whole) == [packet(a, b, "kept", 1)])
    }

    @Test("what is no capture of ours is refused")
    func hostile() throws {
        #expect(throws: SyntaxError.self) { try PCAPNGReader(ByteBuffer(string: "GIF89a")) }
        #expect(throws: SyntaxError.self) { try PCAPNGReader(ByteBuffer()) }
        var broken = file([packet(a, b, "x", 1)])
        broken.setInteger(UInt32(3), at: broken.writerIndex - 4, endianness: .little)
        #expect(throws: SyntaxError.self) { try blocks(broken) }
        var short = file([])
        short.writeInteger(UInt32(6), endianness: .little)
        short.writeInteger(UInt32(16), endianness: .little)
        short.writeInteger(UInt32(0), endianness: .little)
        short.writeInteger(UInt32(16), endianness: .little)
        #expect(throws: SyntaxError.self) { try blocks(short) }
    }

    @Test(
        "packets that are neither TCP nor UDP belong to no conversation",
        arguments: [
            ByteBuffer(), ByteBuffer(string: "hello"), ByteBuffer(repeating: 0x45, count: 20),
            ByteBuffer(repeating: 0x60, count: 40), ByteBuffer(repeating: 0x4F, count: 24),
        ])
    func noFlow(packet: ByteBuffer) { #expect(PacketFlow(packet) == nil) }
}
