import FoundationEssentials
import NIOCore

/// Flow events as JSON lines: one event, one line, no newline inside.
package struct EventCoding {
    private let encoder: JSONEncoder
    private let decoder = JSONDecoder()

    package init() {
        encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
    }

    /// Appends `event` and a newline. An event that cannot be encoded (it holds only strings and numbers: none is known) is left out.
    package func write(_ event: FlowEvent, into buffer: inout ByteBuffer) {
        guard let line = try? encoder.encode(event) else { return }
        buffer.writeBytes(line)
        buffer.writeInteger(UInt8(ascii: "\n"))
    }

    /// - Returns: nil for a line that is no event of this version.
    package func read(_ line: ByteBuffer) -> FlowEvent? {
        try? decoder.decode(FlowEvent.self, from: Data(line.readableBytesView))
    }
}

/// Cuts octets that arrive in any pieces into lines.
package struct LineSplitter {
    /// A line longer than this is thrown away up to its end and counted.
    package static let maximumLineLength = 1 << 20

    private var held = ByteBuffer()
    private var searched = 0
    private var skipping = false
    package private(set) var oversized = 0

    package init() {}

    package mutating func feed(_ octets: ByteBuffer) {
        if held.readableBytes == 0 { held = octets } else { held.writeImmutableBuffer(octets) }
    }

    /// The next complete line without its newline, or nil until more octets arrive.
    package mutating func next() -> ByteBuffer? {
        while true {
            let view = held.readableBytesView.dropFirst(searched)
            guard let newline = view.firstIndex(of: UInt8(ascii: "\n")) else {
                searched = held.readableBytes
                if searched > Self.maximumLineLength {
                    if !skipping { oversized += 1 }
                    skipping = true
                    held.clear()
                    searched = 0
                }
                return nil
            }
            let length = newline - held.readerIndex
            let line = held.readSlice(length: length)
            held.moveReaderIndex(forwardBy: 1)
            searched = 0
            if held.readableBytes == 0 { held.clear() }
            if skipping {
                skipping = false
                continue
            }
            return line
        }
    }
}
