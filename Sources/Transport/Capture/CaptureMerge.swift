import NIOCore
import WireSyntax

/// Several captures of one network as one file, in the order of time.
///
/// Both ends of a connection write it down when both are ours. Each conversation is therefore taken from one file only: the one that has most of it.
package enum CaptureMerge {
    /// Octets of one input file.
    package static let maximumFileSize = 2 << 30

    /// - Parameters:
    ///   - paths: captures; one that does not exist (its function never started) is left out.
    ///   - keyLog: an SSLKEYLOGFILE whose lines go into the file, with those that the captures hold.
    /// - Returns: the number of packets written to `destination` (0600).
    @discardableResult
    package static func merge(_ paths: [String], keyLog: String? = nil, into destination: String) throws -> Int {
        var inputs: [ByteBuffer] = []
        for path in paths {
            guard let input = try? RecordFile.read(path, limit: maximumFileSize) else { continue }
            inputs.append(input)
        }
        let log = try keyLog.map { try RecordFile.read($0, limit: maximumFileSize) }
        let (merged, count) = try merge(inputs, keyLog: log)
        try RecordFile(destination, .replace).write(merged)
        return count
    }

    static func merge(_ inputs: [ByteBuffer], keyLog: ByteBuffer? = nil) throws(SyntaxError) -> (ByteBuffer, Int) {
        struct Packet {
            let file: Int
            let time: Int64
            let octets: ByteBuffer
            let flow: PacketFlow?
        }
        var packets: [Packet] = []
        var sizes: [PacketFlow: [Int]] = [:]
        var secrets = SecretLines()
        if let keyLog { secrets.add(keyLog) }
        for (file, input) in inputs.enumerated() {
            var reader = try PCAPNGReader(input)
            while let block = try reader.next() {
                switch block {
                case .secrets(let lines): secrets.add(lines)
                case .packet(let octets, let time):
                    let flow = PacketFlow(octets)
                    packets.append(Packet(file: file, time: time, octets: octets, flow: flow))
                    if let flow {
                        sizes[flow, default: Array(repeating: 0, count: inputs.count)][file] += octets.readableBytes
                    }
                }
            }
        }
        // The earliest of the files that have most; `max(by:)` would give the last.
        let chosen = sizes.mapValues { sizes in sizes.firstIndex(of: sizes.max() ?? 0) ?? 0 }
        var taken = packets.filter { packet in packet.flow.map { chosen[$0] == packet.file } ?? true }
        // Stable: packets of one write carry one time, and their order is their order in the file.
        taken = taken.enumerated()
            .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            .map(\.element)
        var output = ByteBuffer()
        PCAPNG.writeFileHeader(interface: "sallyport", into: &output)
        if secrets.lines.readableBytes > 0 { PCAPNG.writeSecrets(secrets.lines, into: &output) }
        for packet in taken { PCAPNG.writePacket(packet.octets, time: packet.time, into: &output) }
        return (output, taken.count)
    }
}

/// SSLKEYLOGFILE lines, each once.
private struct SecretLines {
    private(set) var lines = ByteBuffer()
    private var seen: Set<ByteBuffer> = []

    mutating func add(_ buffer: ByteBuffer) {
        for line in buffer.readableBytesView.split(separator: UInt8(ascii: "\n")) {
            let line = ByteBuffer(bytes: line)
            guard seen.insert(line).inserted else { continue }
            lines.writeImmutableBuffer(line)
            lines.writeInteger(UInt8(ascii: "\n"))
        }
    }
}
