import Foundation
import NIOPosix
import Observability
import Testing

/// The events of a function over its unix socket, as the lab reads them.
@Suite(.timeLimit(.minutes(1))) struct EventSocketTests {
    @Test("a reader that comes early or late gets every event, once, in order")
    func streams() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events"
            let stream = EventStream(node: "P-CSCF")
            stream.emit(.warning("before"))
            // Early: the socket is not there yet.
            async let early = FlowEventReader(path: path).connect()
            let server = try await EventServer.start(stream, path: path, on: MultiThreadedEventLoopGroup.singleton)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            var one = try await early.makeAsyncIterator()
            #expect(await one.next()?.what == .warning("before"))
            for number in 0..<1000 { stream.emit(.warning("\(number)")) }
            var late = try await FlowEventReader(path: path).connect().makeAsyncIterator()
            #expect(await late.next()?.what == .warning("before"))
            for number in 0..<1000 {
                #expect(await one.next()?.what == .warning("\(number)"))
                #expect(await late.next()?.what == .warning("\(number)"))
            }
            await server.stop()
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("a socket that a killed process left is replaced; another kind of file is not")
    func leftovers() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events"
            let stream = EventStream(node: "x")
            _ = try await EventServer.start(stream, path: path, on: MultiThreadedEventLoopGroup.singleton)
            let second = try await EventServer.start(stream, path: path, on: MultiThreadedEventLoopGroup.singleton)
            await second.stop()
            try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
            await #expect(throws: EventSocketError.self) {
                try await EventServer.start(stream, path: path, on: MultiThreadedEventLoopGroup.singleton)
            }
        }
    }
}
