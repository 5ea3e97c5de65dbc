import MediaSecurity
import NIOCore
import NIOPosix
import SIP
import Testing
import Transport
import WireSyntax

/// A UE or a home network on a real socket, played by a test line by line.
// Confined to the endpoint's event loop, but for the stream, which is made for several threads.
final class ScriptedPeer: SIPUser, @unchecked Sendable {
    enum Event: Sendable {
        case request(Request, TransactionID?, Flow)
        case cancel(Request, TransactionID, TransactionID?)
        case response(Response, TransactionID?)
        case failed(TransactionID)
        case closed(Flow)
    }

    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    let endpoint: SIPEndpoint
    private let events: AsyncStream<Event>
    private let feed: AsyncStream<Event>.Continuation
    private var iterator: AsyncStream<Event>.Iterator

    init(_ loop: any EventLoop) {
        endpoint = SIPEndpoint(eventLoop: loop)
        (events, feed) = AsyncStream.makeStream(of: Event.self)
        iterator = events.makeAsyncIterator()
    }

    func attach() async throws { try await endpoint.eventLoop.submit { self.endpoint.user = self }.get() }

    // MARK: What came

    func next() async throws -> Event {
        guard let event = await iterator.next() else { throw Unexpected(description: "nothing more comes") }
        return event
    }

    func request(_ method: Method) async throws -> (Request, TransactionID?, Flow) {
        let event = try await next()
        guard case .request(let request, let id, let flow) = event, request.method == method else {
            throw Unexpected(description: "\(method) expected, got \(event)")
        }
        return (request, id, flow)
    }

    func response(_ status: Int) async throws -> Response {
        while true {
            let event = try await next()
            if case .response(let response, _) = event {
                if response.status == 100 { continue }
                guard response.status == status else {
                    throw Unexpected(
                        description:
                            "\(status) expected, got \(Message.response(response).startLine) \(response.headers.fields.map(\.value))"
                    )
                }
                return response
            }
            throw Unexpected(description: "\(status) expected, got \(event)")
        }
    }

    // MARK: What goes

    func send(_ request: Request, over flow: Flow) async throws -> TransactionID {
        try await endpoint.eventLoop.submit { self.endpoint.send(request, over: flow) }.get()
    }

    func respond(_ response: Response, to id: TransactionID?) async throws {
        guard let id else { return }
        try await endpoint.eventLoop.submit { self.endpoint.respond(response, to: id) }.get()
    }

    // MARK: SIPUser

    func sipEndpoint(
        _ endpoint: SIPEndpoint, received request: Request, transaction: TransactionID?, over flow: Flow,
        listener: String
    ) { feed.yield(.request(request, transaction, flow)) }

    func sipEndpoint(
        _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
        over flow: Flow
    ) { feed.yield(.cancel(request, transaction, invite)) }

    func sipEndpoint(
        _ endpoint: SIPEndpoint, received response: Response, transaction: TransactionID?, over flow: Flow
    ) { feed.yield(.response(response, transaction)) }

    func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool) {
        feed.yield(.failed(transaction))
    }

    func sipEndpoint(_ endpoint: SIPEndpoint, closed flow: Flow) { feed.yield(.closed(flow)) }
}
