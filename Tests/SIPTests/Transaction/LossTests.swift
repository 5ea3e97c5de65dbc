import NIOCore
import Testing
import WireSyntax

@testable import SIP

/// Two layers with a lossy network between them: what one sends the other gets 10 ms later, or not.
private struct LossyNetwork {
    static let client = Flow(transport: .udp, local: Endpoint("127.0.0.1:5060")!, remote: Endpoint("127.0.0.2:5060")!)
    static let server = Flow(transport: .udp, local: client.remote, remote: client.local)

    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var caller = TransactionLayer()
    var callee = TransactionLayer()
    /// Of the messages that leave: true is lost. The pattern repeats; both directions share it.
    let losses: [Bool]
    private var count = 0
    private var underway: [(at: NIODeadline, toCallee: Bool, message: Message)] = []
    /// What the users are told.
    private(set) var atCallee: [String] = []
    private(set) var atCaller: [String] = []
    /// Octets of each kind of message that left, by start line: all copies must be the same.
    private(set) var copies: [String: Set<String>] = [:]
    let answer: Int

    init(losses: [Bool], answer: Int) {
        self.losses = losses
        self.answer = answer
    }

    mutating func send(_ request: Request) {
        caller.send(request, over: Self.client, now: now)
        drain()
    }

    private mutating func transmit(_ message: Message, toCallee: Bool) {
        copies[message.startLine, default: []].insert(String(buffer: message.encoded()))
        defer { count += 1 }
        guard !losses[count % losses.count] else { return }
        underway.append((now + .milliseconds(10), toCallee, message))
    }

    private mutating func drain() {
        var moved = true
        while moved {
            moved = false
            while let action = caller.nextAction() {
                moved = true
                switch action {
                case .transmit(let message, _): transmit(message, toCallee: true)
                case .response(let response, let id, _):
                    atCaller.append("\(response.status)" + (id == nil ? " of nothing" : ""))
                case .timedOut: atCaller.append("timed out")
                case .failed: atCaller.append("failed")
                case .request, .cancel, .terminated: break
                }
            }
            while let action = callee.nextAction() {
                moved = true
                switch action {
                case .transmit(let message, _): transmit(message, toCallee: false)
                case .request(let request, let id, _):
                    atCallee.append("\(request.method)")
                    if let id, request.method != .ack {
                        callee.respond(.make(answer, nil, to: request, toTag: "there"), to: id, now: now)
                    }
                case .timedOut: atCallee.append("timed out")
                case .failed: atCallee.append("failed")
                case .response, .cancel, .terminated: break
                }
            }
        }
    }

    /// Until nothing is left to happen.
    mutating func run() {
        while true {
            let next = [caller.nextDeadline, callee.nextDeadline, underway.map(\.at).min()].compactMap { $0 }.min()
            guard let next else { return }
            now = next
            let arrived = underway.filter { $0.at <= now }
            underway.removeAll { $0.at <= now }
            for one in arrived {
                if one.toCallee {
                    callee.receive(one.message, over: Self.server, now: now)
                } else {
                    caller.receive(one.message, over: Self.client, now: now)
                }
            }
            caller.timersDue(now: now)
            callee.timersDue(now: now)
            drain()
        }
    }
}

@Suite("RFC 3261 17: transactions over a network that loses messages")
struct LossTests {
    typealias H = TransactionHarness

    /// Every pattern of seven messages, of which the last two arrive. An odd number, so that it does not keep step with requests and responses.
    static let patterns = (0..<32).map { bits in (0..<7).map { $0 < 5 && bits >> $0 & 1 == 1 } }

    @Test(
        "RFC 3261 17.1.2, 17.2.2: another request is seen once and answered once, whatever is lost", arguments: patterns
    )
    func other(pattern: [Bool]) {
        var network = LossyNetwork(losses: pattern, answer: 200)
        network.send(H.request(.bye))
        network.run()
        #expect(network.atCallee == ["BYE"])
        #expect(network.atCaller.filter { $0 == "200" }.count == 1)
        #expect(!network.atCaller.contains("timed out"))
        #expect(network.copies.values.allSatisfy { $0.count == 1 })
        #expect(network.caller.count == 0 && network.callee.count == 0)
    }

    @Test("RFC 3261 17.1.1, 17.2.1: a refused INVITE is seen once, refused once, and acknowledged", arguments: patterns)
    func refused(pattern: [Bool]) {
        var network = LossyNetwork(losses: pattern, answer: 486)
        network.send(H.request(.invite))
        network.run()
        #expect(network.atCallee == ["INVITE"])
        #expect(network.atCaller == ["486"])
        // The ACK of each copy of the response is the same, and no message changes when it is repeated.
        #expect(network.copies.values.allSatisfy { $0.count == 1 })
        #expect(network.caller.count == 0 && network.callee.count == 0)
    }

    @Test(
        "17.1.1.2, 17.1.2.2: all is lost: both kinds time out and leave nothing", arguments: [Method.invite, .options])
    func silence(method: Method) {
        var network = LossyNetwork(losses: [true], answer: 200)
        network.send(H.request(method))
        network.run()
        #expect(network.atCaller == ["timed out"])
        #expect(network.atCallee.isEmpty)
        #expect(network.caller.count == 0)
    }
}
