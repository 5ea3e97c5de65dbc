import NIOCore
import Testing

@testable import MSRP

@Suite struct SessionTableTests {
    @Test("RFC 4975 7.3: a session binds to its first connection; another gets 506, an unknown To-Path 481")
    func binding() throws {
        var table = SessionTable<Int>()
        let own = try MSRPURI("msrp://host:1/session;tcp")
        #expect(table.add(own, key: 7) == true)
        #expect(table.add(own, key: 8) == false)
        let head = { (path: String) in
            RequestHead(
                transactionID: ident("abcd"), method: .send, toPath: ByteBuffer(string: path),
                fromPath: ByteBuffer(string: "msrp://peer:1/x;tcp"))
        }
        #expect(table.admit(head("msrp://host:1/other;tcp"), connection: 1) == .refuse(481))
        #expect(table.admit(head("msrp://host:x/other;tcp"), connection: 1) == .refuse(400))
        #expect(table.admit(head("msrp://host:1/session;tcp msrp://host:1/session;tcp"), connection: 1) == .refuse(481))
        #expect(table.admit(head("MSRP://HOST:1/session;tcp"), connection: 1) == .session(7))
        #expect(table.admit(head("msrp://host:1/session;tcp"), connection: 1) == .session(7))
        #expect(table.admit(head("msrp://host:1/session;tcp"), connection: 2) == .refuse(506))
        #expect(table.connectionLost(1) == [7])
        #expect(table.admit(head("msrp://host:1/session;tcp"), connection: 2) == .refuse(481))
    }
}
