import Glibc
import NIOCore
import NIOEmbedded
import Testing
import WireSyntax

@testable import Transport

@Suite struct CaptureTests {
    /// A path of its own for each test, removed afterwards.
    private func withPath<R>(_ body: (String) async throws -> R) async throws -> R {
        var template = Array("/tmp/sallyport-test-XXXXXX".utf8CString)
        let directory = template.withUnsafeMutableBufferPointer { template -> String? in
            guard let base = template.baseAddress, mkdtemp(base) != nil else { return nil }
            return String(cString: base)
        }
        let path = try #require(directory) + "/file"
        defer {
            unlink(path)
            rmdir(String(path.dropLast(5)))
        }
        return try await body(path)
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test("a capture holds what passed at a socket, and nobody else may read it")
    func capture() async throws {
        try await withPath { path in
            let capture = try Capture(path: path, node: "UE A")
            let channel = EmbeddedChannel(handlers: [CaptureTap(capture, isClient: true)])
            channel.localAddress = SocketAddress(Endpoint(.v4(0x7F00_0001), 1))
            channel.remoteAddress = SocketAddress(Endpoint(.v4(0x7F00_0002), 2))
            try await channel.connect(to: SocketAddress(Endpoint(.v4(0x7F00_0002), 2))).get()
            try channel.writeOutbound(ByteBuffer(string: "out"))
            try channel.writeInbound(ByteBuffer(string: "in"))
            let out = try channel.readOutbound(as: ByteBuffer.self)
            #expect(out == ByteBuffer(string: "out"))
            let read = try channel.readInbound(as: ByteBuffer.self)
            #expect(read == ByteBuffer(string: "in"))
            _ = try channel.finish()
            try await capture.close()
            #expect(mode(path) == 0o600)
            var reader = try PCAPNGReader(try RecordFile.read(path, limit: 1 << 20))
            var seen: [String] = []
            while case .packet(let packet, _)? = try reader.next() { seen.append(Dissected(packet).description) }
            #expect(
                seen == [
                    "1>2 S 0 0 0", "2>1 SA 0 1 0", "1>2 A 1 1 0", "1>2 PA 1 1 3", "2>1 PA 1 4 2",
                    "1>2 FA 4 3 0", "2>1 A 3 5 0", "2>1 FA 3 5 0", "1>2 A 5 4 0",
                ])
        }
    }

    @Test(
        "a connection of a function with itself stands once in its file, and so does the next one between the same ends"
    )
    func bothEnds() async throws {
        try await withPath { path in
            let capture = try Capture(path: path, node: "IMS-AGW")
            let (one, other) = (Endpoint(.v4(0x7F00_0001), 1), Endpoint(.v4(0x7F00_0001), 2))
            for _ in 0..<2 {
                var channels: [EmbeddedChannel] = []
                for (local, remote, isClient) in [(one, other, true), (other, one, false)] {
                    let channel = EmbeddedChannel(handlers: [CaptureTap(capture, isClient: isClient)])
                    channel.localAddress = SocketAddress(local)
                    channel.remoteAddress = SocketAddress(remote)
                    try await channel.connect(to: SocketAddress(remote)).get()
                    channels.append(channel)
                }
                try channels[0].writeOutbound(ByteBuffer(string: "hello"))
                try channels[1].writeInbound(ByteBuffer(string: "hello"))
                for channel in channels { _ = try channel.finish(acceptAlreadyClosed: true) }
            }
            try await capture.close()
            var reader = try PCAPNGReader(try RecordFile.read(path, limit: 1 << 20))
            var data = 0
            while case .packet(let packet, _)? = try reader.next() {
                if Dissected(packet).description.hasSuffix(" 5") { data += 1 }
            }
            #expect(data == 2)
        }
    }

    @Test("a key log is appended to, narrowed to its owner, and repeated in the capture")
    func keyLog() async throws {
        try await withPath { path in
            let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
            _ = Glibc.write(descriptor, "before\n", 7)
            close(descriptor)
            try await withPath { capturePath in
                let capture = try Capture(path: capturePath, node: "x")
                let log = try KeyLog(path: path, capture: capture)
                try KeyLog(path: path).append(ByteBuffer(string: "other process\n"))
                log.append(ByteBuffer(string: "ours"))
                try await capture.close()
                var reader = try PCAPNGReader(try RecordFile.read(capturePath, limit: 1 << 20))
                let block = try reader.next()
                #expect(block == .secrets(ByteBuffer(string: "ours\n")))
            }
            #expect(try RecordFile.read(path, limit: 100) == ByteBuffer(string: "before\nother process\nours\n"))
            #expect(mode(path) == 0o600)
        }
    }

    @Test("a file that cannot be written is an error with its name")
    func unwritable() {
        #expect(throws: FileError.self) { try Capture(path: "/nonexistent/x.pcapng", node: "x") }
    }
}
