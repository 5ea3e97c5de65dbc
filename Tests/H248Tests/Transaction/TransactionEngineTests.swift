import H248
import NIOCore
import Testing
import WireSyntax

let controllerEnd = Endpoint(.v4(0x7F00_0001), 2944)
let gatewayEnd = Endpoint(.v4(0x7F00_0002), 2944)

func makeEngine(
    _ own: Endpoint, peers: [Peer], seed: UInt64 = 1, _ change: (inout EngineSettings) -> Void = { _ in }
) -> TransactionEngine {
    var settings = EngineSettings(identifier: MessageIdentifier(own), peers: peers)
    change(&settings)
    return TransactionEngine(settings: settings, seed: seed)
}

let subtractAll = [ActionRequest(ContextID(1), commands: [CommandRequest(.subtract, .all)])]
let subtracted = TransactionReply.Body.actions([
    ActionReply(ContextID(1), commands: [CommandReply(.subtract, .all)])
])

extension TransactionEngine {
    mutating func drain() -> [Action] {
        var result: [Action] = []
        while let action = nextAction() { result.append(action) }
        return result
    }
}

extension [TransactionEngine.Action] {
    var transmissions: [ByteBuffer] { compactMap { if case .transmit(let octets, _) = $0 { octets } else { nil } } }
    var requests: [IncomingTransaction] { compactMap { if case .request(_, let id, _) = $0 { id } else { nil } } }
    var messages: [Message] { transmissions.compactMap { try? Message(decoding: $0) } }
}

@Suite("RFC 3525 Annex D.1: transactions over UDP")
struct TransactionEngineTests {
    let zero = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    func send(_ engine: inout TransactionEngine, now: NIODeadline) throws -> OutgoingTransaction {
        let id = engine.send(subtractAll, to: gatewayEnd, now: now)
        return try #require(id)
    }

    @Test("D.1.3: a request is repeated with exponential back-off until T-MAX, then reported once")
    func backOff() throws {
        var engine = makeEngine(controllerEnd, peers: [Peer(address: gatewayEnd.address)])
        let id = try send(&engine, now: zero)
        let first = engine.drain().transmissions
        #expect(first.count == 1)
        var times: [Int64] = []
        var timedOut = 0
        while let deadline = engine.nextDeadline {
            engine.timersDue(now: deadline)
            for action in engine.drain() {
                switch action {
                case .transmit(let octets, let to):
                    #expect(octets == first[0] && to == gatewayEnd)
                    times.append((deadline - zero).nanoseconds)
                case .timedOut(id):
                    timedOut += 1
                    #expect(deadline == zero + .seconds(20))
                default: Issue.record("\(action)")
                }
            }
        }
        #expect(timedOut == 1)
        #expect((7...12).contains(times.count))
        #expect(times[0] == 250_000_000)
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(gaps.allSatisfy { $0 <= 4_000_000_000 })
        #expect(gaps.last! > gaps.first! * 4)
    }

    @Test("D.1.1: a repeated request is executed once; the stored reply goes out octet for octet for LONG-TIMER")
    func atMostOnce() throws {
        var controller = makeEngine(controllerEnd, peers: [Peer(address: gatewayEnd.address)])
        var gateway = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)])
        let id = try send(&controller, now: zero)
        let datagram = controller.drain().transmissions[0]
        gateway.receive(datagram, from: controllerEnd, now: zero)
        let delivered = gateway.drain().requests
        let request = try #require(delivered.first)
        gateway.reply(subtracted, to: request, now: zero)
        let reply = gateway.drain().transmissions
        for _ in 0..<3 {
            gateway.receive(datagram, from: controllerEnd, now: zero + .seconds(29))
            do {
                let actions = gateway.drain()
                #expect(actions == [.transmit(reply[0], to: controllerEnd)])
            }
        }
        controller.receive(reply[0], from: gatewayEnd, now: zero + .milliseconds(20))
        do {
            let actions = controller.drain()
            #expect(actions == [.reply(subtracted, id)])
        }
        controller.receive(reply[0], from: gatewayEnd, now: zero + .milliseconds(30))
        do {
            let actions = controller.drain()
            #expect(actions.isEmpty)
        }
        gateway.timersDue(now: zero + .seconds(30))
        #expect(gateway.storedReplies == 0)
        gateway.receive(datagram, from: controllerEnd, now: zero + .seconds(31))
        let executed = gateway.drain().requests
        #expect(executed.count == 1)
    }

    @Test("D.1.4: Pending for a repetition while executing, immAckRequired after it, and the confirmation at once")
    func pending() throws {
        var controller = makeEngine(controllerEnd, peers: [Peer(address: gatewayEnd.address)])
        var gateway = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)])
        let id = try send(&controller, now: zero)
        let datagram = controller.drain().transmissions[0]
        gateway.receive(datagram, from: controllerEnd, now: zero)
        let delivered = gateway.drain().requests
        let request = try #require(delivered.first)
        gateway.receive(datagram, from: controllerEnd, now: zero + .milliseconds(250))
        let pending = gateway.drain()
        #expect(pending.messages.map(\.body) == [.transactions([.pending(id.id)])])
        controller.receive(pending.transmissions[0], from: gatewayEnd, now: zero + .milliseconds(260))
        controller.timersDue(now: zero + .milliseconds(2259))
        let quiet = controller.drain()
        #expect(quiet.isEmpty)
        var later = controller
        later.timersDue(now: zero + .milliseconds(2260))
        let repeated = later.drain()
        #expect(repeated.transmissions == [datagram])
        gateway.reply(subtracted, to: request, now: zero + .seconds(2))
        let reply = gateway.drain()
        guard case .transactions(let items)? = reply.messages.first?.body, case .reply(let body)? = items.first else {
            Issue.record("no reply")
            return
        }
        #expect(body.immAckRequired)
        controller.receive(reply.transmissions[0], from: gatewayEnd, now: zero + .seconds(2))
        let end = controller.drain()
        #expect(end.messages.map(\.body) == [.transactions([.responseAck([id.id...id.id])])])
        #expect(end.contains(.reply(subtracted, id)))
        // Confirmed: the reply is gone, the id still guards (D.1.1).
        gateway.receive(end.transmissions[0], from: controllerEnd, now: zero + .seconds(2))
        gateway.receive(datagram, from: controllerEnd, now: zero + .seconds(3))
        do {
            let actions = gateway.drain()
            #expect(actions.isEmpty)
        }
        // The confirmation was lost: the reply comes again and is confirmed again.
        controller.receive(reply.transmissions[0], from: gatewayEnd, now: zero + .seconds(4))
        do {
            let actions = controller.drain()
            #expect(actions.messages.map(\.body) == [.transactions([.responseAck([id.id...id.id])])])
        }
    }

    @Test("D.1.4: a slow execution is announced unasked, and ends in 506 when the limit is reached")
    func provisional() throws {
        var gateway = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)]) { $0.limits.pendings = 2 }
        var controller = makeEngine(controllerEnd, peers: [Peer(address: gatewayEnd.address)])
        _ = controller.send(subtractAll, to: gatewayEnd, now: zero)
        gateway.receive(controller.drain().transmissions[0], from: controllerEnd, now: zero)
        let delivered = gateway.drain().requests
        let request = try #require(delivered.first)
        var bodies: [Message.Body] = []
        var abandoned = 0
        while abandoned == 0, let deadline = gateway.nextDeadline {
            gateway.timersDue(now: deadline)
            let actions = gateway.drain()
            bodies += actions.messages.map(\.body)
            abandoned += actions.count { $0 == .abandoned(request) }
        }
        #expect(bodies.count == 3)
        guard case .transactions(let items)? = bodies.last, case .reply(let reply)? = items.first else {
            Issue.record("no reply")
            return
        }
        #expect(reply.body == .error(ErrorDescriptor(.tooManyPending)))
        gateway.reply(subtracted, to: request, now: zero + .seconds(20))
        do {
            let actions = gateway.drain()
            #expect(actions.isEmpty)
        }
    }

    @Test("A8, RFC 3525 10.1: a foreign sender gets no answer and is counted")
    func foreign() {
        var engine = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address, port: 2944)])
        let stranger = Endpoint(.v4(0x7F00_0063), 2944)
        let request = "MEGACO/2 %\nTransaction = 1 { Context = $ { Add = $ } }"
        func text(_ mid: String) -> ByteBuffer {
            ByteBuffer(string: request.split(separator: "%").joined(separator: mid))
        }
        let rows: [(ByteBuffer, Endpoint)] = [
            // Another address, with its own mId and with the controller's.
            (text("[127.0.0.99]:2944"), stranger), (text("[127.0.0.1]:2944"), stranger), (text("<mgc.lab>"), stranger),
            (ByteBuffer(string: "garbage"), stranger),
            // The right address, another port than the configured one.
            (text("[127.0.0.1]:2944"), Endpoint(controllerEnd.address, 40000)),
            // The right source, another's mId.
            (text("[127.0.0.99]:2944"), controllerEnd), (text("[127.0.0.1]:40000"), controllerEnd),
            (text("MTP{0102}"), controllerEnd),
        ]
        for (index, (octets, source)) in rows.enumerated() {
            engine.receive(octets, from: source, now: zero)
            let actions = engine.drain()
            #expect(actions.count == 1)
            guard case .refused(source, _, let count)? = actions.first else {
                Issue.record("\(actions)")
                continue
            }
            #expect(count == index + 1)
        }
        #expect(engine.refusedMessages == rows.count)
        for mid in ["[127.0.0.1]:2944", "[127.0.0.1]", "<mgc.lab>:1", "mgc1"] {
            engine.receive(text(mid), from: controllerEnd, now: zero)
            do {
                let actions = engine.drain()
                #expect(actions.requests.count == 1)
            }
        }
    }

    @Test("a configured peer's undecodable message is answered with its error: in a Reply where the id was read")
    func undecodable() {
        var engine = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)])
        func answer(_ text: String) -> [Message.Body] {
            engine.receive(ByteBuffer(string: text), from: controllerEnd, now: zero)
            return engine.drain().messages.map(\.body)
        }
        guard case .error(let error)? = answer("garbage").first else {
            Issue.record("no message-level error")
            return
        }
        #expect(error.code == .badRequest && error.text?.contains("octet 0") == true)
        guard case .transactions(let items)? = answer("MEGACO/2 [127.0.0.1]:2944 T=5{C=1{Frob=x}}").first,
            case .reply(let reply)? = items.first, case .error(let inner) = reply.body
        else {
            Issue.record("no reply")
            return
        }
        #expect(reply.id == 5 && inner.code == .unknownCommand)
        guard case .error(let version)? = answer("MEGACO/9 [127.0.0.1]:2944 T=5{C=1{S=x}}").first else {
            Issue.record("no message-level error")
            return
        }
        #expect(version.code == .versionNotSupported)
        // Never an answer to what is an answer itself.
        #expect(answer("MEGACO/2 [127.0.0.1]:2944 P=5{C=1{Frob=x}}").isEmpty)
        #expect(answer("MEGACO/2 [127.0.0.1]:2944 ER=400{}").isEmpty)
        let many = (1...11).map { "T=\($0){C=1{S=x}}" }.joined()
        guard case .error(let limit)? = answer("MEGACO/2 [127.0.0.1]:2944 " + many).first else {
            Issue.record("no message-level error")
            return
        }
        #expect(limit.code == .tooManyTransactions)
    }

    @Test("a version settled by ServiceChange stands in every header")
    func version() {
        var engine = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)])
        engine.setVersion(1, for: controllerEnd)
        _ = engine.send(subtractAll, to: controllerEnd, now: zero)
        do {
            let actions = engine.drain()
            #expect(actions.messages.first?.version == 1)
        }
    }

    @Test("until a version is settled, a reply goes under the version of its request", arguments: [1, 2, 3] as [UInt8])
    func replyVersion(version: UInt8) throws {
        var engine = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)])
        engine.receive(
            ByteBuffer(string: "MEGACO/\(version) [127.0.0.1]:2944 T=5{C=1{S=*}}"), from: controllerEnd, now: zero)
        let first = engine.drain().requests
        engine.reply(subtracted, to: try #require(first.first), now: zero)
        let replies = engine.drain().messages
        #expect(replies.map(\.version) == [version])
    }

    @Test("D.1.2.2: an acknowledged range says nothing about requests that have not come yet")
    func acknowledgedRange() {
        var engine = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)])
        engine.receive(
            ByteBuffer(string: "MEGACO/2 [127.0.0.1]:2944 K{0-4294967295}"), from: controllerEnd, now: zero)
        engine.receive(
            ByteBuffer(string: "MEGACO/2 [127.0.0.1]:2944 T=5{C=1{S=*}}"), from: controllerEnd, now: zero)
        let requests = engine.drain().requests
        #expect(requests.count == 1)
    }

    @Test("a Reply whose id can be read and the rest can't ends its transaction with an error")
    func unreadableReply() throws {
        var engine = makeEngine(controllerEnd, peers: [Peer(address: gatewayEnd.address)])
        let id = try send(&engine, now: zero)
        _ = engine.drain()
        engine.receive(
            ByteBuffer(string: "MEGACO/2 [127.0.0.2]:2944 P=\(id.id){C=1{nonsense=*}}"), from: gatewayEnd, now: zero)
        let actions = engine.drain()
        let replies = actions.compactMap { action -> TransactionReply.Body? in
            if case .reply(let body, id) = action { body } else { nil }
        }
        guard case .error(let error)? = replies.first, replies.count == 1 else {
            Issue.record("\(actions)")
            return
        }
        #expect(error.code == .badRequest && engine.outstanding == 0 && actions.transmissions.isEmpty)
    }

    @Test("D.1.2.2: after a restart of the peer nothing of before counts")
    func restart() throws {
        var controller = makeEngine(controllerEnd, peers: [Peer(address: gatewayEnd.address)])
        var gateway = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)])
        _ = controller.send(subtractAll, to: gatewayEnd, now: zero)
        let datagram = controller.drain().transmissions[0]
        gateway.receive(datagram, from: controllerEnd, now: zero)
        let first = gateway.drain().requests
        gateway.reply(subtracted, to: try #require(first.first), now: zero)
        _ = gateway.drain()
        _ = gateway.send(subtractAll, to: controllerEnd, now: zero)
        _ = gateway.drain()
        gateway.restarted(controllerEnd, except: nil)
        #expect(gateway.storedReplies == 0 && gateway.outstanding == 0)
        gateway.receive(datagram, from: controllerEnd, now: zero + .seconds(1))
        let executed = gateway.drain().requests
        #expect(executed.count == 1)
    }

    @Test(
        "a lossy, duplicating, reordering channel: every request is executed once and replied to once",
        arguments: 1...20)
    func lossy(seed: UInt64) throws {
        var channel = LossyChannel(seed: seed)
        var controller = makeEngine(controllerEnd, peers: [Peer(address: gatewayEnd.address)], seed: seed)
        var gateway = makeEngine(gatewayEnd, peers: [Peer(address: controllerEnd.address)], seed: seed + 100)
        var now = zero
        var executed: [UInt32: Int] = [:]
        var replied: [UInt32: Int] = [:]
        var waiting: [(IncomingTransaction, NIODeadline)] = []
        var sent: Set<UInt32> = []
        for _ in 0..<100 {
            sent.insert(try send(&controller, now: now).id)
        }
        while true {
            for action in controller.drain() {
                switch action {
                case .transmit(let octets, _): channel.put(octets, from: controllerEnd, now: now)
                case .reply(_, let id): replied[id.id, default: 0] += 1
                default: Issue.record("\(action)")
                }
            }
            for action in gateway.drain() {
                switch action {
                case .transmit(let octets, _): channel.put(octets, from: gatewayEnd, now: now)
                case .request(let request, let id, _):
                    executed[request.id, default: 0] += 1
                    waiting.append((id, now + .milliseconds(Int64(request.id % 7) * 100)))
                default: Issue.record("\(action)")
                }
            }
            let next = [controller.nextDeadline, gateway.nextDeadline, channel.nextDeadline, waiting.map(\.1).min()]
                .compactMap { $0 }.min()
            guard let next, replied.count < 100 else { break }
            now = max(now, next)
            for (octets, from) in channel.take(now: now) {
                if from == controllerEnd {
                    gateway.receive(octets, from: from, now: now)
                } else {
                    controller.receive(octets, from: from, now: now)
                }
            }
            for (id, at) in waiting where at <= now { gateway.reply(subtracted, to: id, now: now); _ = at }
            waiting.removeAll { $0.1 <= now }
            controller.timersDue(now: now)
            gateway.timersDue(now: now)
        }
        #expect(Set(executed.keys) == sent && executed.values.allSatisfy { $0 == 1 })
        #expect(Set(replied.keys) == sent && replied.values.allSatisfy { $0 == 1 })
        #expect(channel.lost > 0 && channel.duplicated > 0)
    }
}

/// One in eight is lost, a tenth comes twice, and every datagram takes its own time.
struct LossyChannel {
    private var random: Seeded
    private var underWay: [(octets: ByteBuffer, from: Endpoint, at: NIODeadline)] = []
    var lost = 0
    var duplicated = 0

    init(seed: UInt64) { random = Seeded(state: seed) }

    mutating func put(_ octets: ByteBuffer, from: Endpoint, now: NIODeadline) {
        if Int.random(in: 0..<8, using: &random) == 0 {
            lost += 1
            return
        }
        let copies = Int.random(in: 0..<10, using: &random) == 0 ? 2 : 1
        duplicated += copies - 1
        for _ in 0..<copies {
            underWay.append((octets, from, now + .milliseconds(.random(in: 1...300, using: &random))))
        }
    }

    var nextDeadline: NIODeadline? { underWay.map(\.at).min() }

    mutating func take(now: NIODeadline) -> [(ByteBuffer, Endpoint)] {
        let due = underWay.filter { $0.at <= now }.sorted { $0.at < $1.at }
        underWay.removeAll { $0.at <= now }
        return due.map { ($0.octets, $0.from) }
    }
}

struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
