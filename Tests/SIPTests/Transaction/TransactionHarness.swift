import NIOCore
import WireSyntax

@testable import SIP

/// Drives a layer through time and writes down what came out: `"500 > INVITE"` is sent after half a second, `"0 request OPTIONS"` handed to the user.
struct TransactionHarness {
    static let udp = flow(.udp)
    static let tcp = flow(.tcp)

    static func flow(_ transport: Flow.Transport, remote: String = "127.0.0.2:5060") -> Flow {
        Flow(
            transport: transport, local: Endpoint("127.0.0.1:5060")!, remote: Endpoint(remote)!,
            connection: transport == .udp ? 0 : 7)
    }

    var layer: TransactionLayer
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private(set) var now: NIODeadline
    private(set) var log: [String] = []
    /// Transactions as they were reported, in order.
    private(set) var ids: [TransactionID] = []

    init(limits: TransactionLimits = TransactionLimits()) {
        layer = TransactionLayer(limits: limits)
        now = start
    }

    /// Lets time pass up to this many milliseconds from the start.
    mutating func advance(to milliseconds: Int64) {
        let end = start + .milliseconds(milliseconds)
        while let deadline = layer.nextDeadline, deadline <= end {
            now = deadline
            layer.timersDue(now: now)
            drain()
        }
        now = end
    }

    /// The log since the last call.
    mutating func take() -> [String] {
        defer { log = [] }
        return log
    }

    mutating func send(_ request: Request, over flow: Flow) -> TransactionID {
        defer { drain() }
        return layer.send(request, over: flow, now: now)
    }

    mutating func receive(_ request: Request, over flow: Flow) {
        layer.receive(.request(request), over: flow, now: now)
        drain()
    }

    mutating func receive(_ response: Response, over flow: Flow) {
        layer.receive(.response(response), over: flow, now: now)
        drain()
    }

    mutating func respond(_ status: Int, to request: Request, _ id: TransactionID) {
        layer.respond(.make(status, nil, to: request, toTag: "there"), to: id, now: now)
        drain()
    }

    mutating func drop(_ id: TransactionID) {
        layer.drop(id)
        drain()
    }

    mutating func cancel(_ id: TransactionID) {
        layer.cancel(id, now: now)
        drain()
    }

    mutating func fail(_ flow: Flow) {
        layer.transportFailed(flow, now: now)
        drain()
    }

    private mutating func drain() {
        let at = (now - start).nanoseconds / 1_000_000
        while let action = layer.nextAction() {
            switch action {
            case .transmit(.request(let request), _): log.append("\(at) > \(request.method.rawValue)")
            case .transmit(.response(let response), _): log.append("\(at) > \(response.status)")
            case .request(let request, let id, _):
                if let id { ids.append(id) }
                log.append("\(at) request \(request.method.rawValue)" + (id == nil ? " of nothing" : ""))
            case .cancel(_, let id, let invite, _):
                ids.append(id)
                log.append("\(at) cancel of " + (invite == nil ? "nothing" : "INVITE"))
            case .response(let response, let id, _):
                log.append("\(at) response \(response.status)" + (id == nil ? " of nothing" : ""))
            case .timedOut: log.append("\(at) timedOut")
            case .failed: log.append("\(at) failed")
            case .terminated: log.append("\(at) terminated")
            }
        }
    }

    /// A request as it leaves: `Via: SIP/2.0/UDP 127.0.0.1:5060;branch=…`.
    static func request(
        _ method: Method, branch: String? = "z9hG4bK776", sentBy: String = "127.0.0.1:5060", cSeq: Int = 1,
        toTag: String? = nil
    ) -> Request {
        var headers = Headers()
        headers.append(.via, "SIP/2.0/UDP \(sentBy)" + (branch.map { ";branch=\($0)" } ?? ""))
        headers.append(.maxForwards, "70")
        headers.append(.from, "<sip:a@ims.lab>;tag=here")
        headers.append(.to, "<sip:b@ims.lab>" + (toTag.map { ";tag=\($0)" } ?? ""))
        headers.append(.callID, "one@127.0.0.1")
        headers.append(.cSeq, "\(cSeq) \(method.rawValue)")
        return Request(method: method, uri: .other(scheme: "tel", rest: "123"), headers: headers, body: ByteBuffer())
    }

    static func response(_ status: Int, to request: Request) -> Response {
        .make(status, nil, to: request, toTag: "there")
    }
}
