import NIOCore
import SDP
import SIP
import WireSyntax

@testable import UserEquipment

let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

/// A call and everything that it has wanted so far.
struct Run {
    var call: Call
    var actions: [Call.Action] = []

    mutating func drain() { while let action = call.nextAction() { actions.append(action) } }

    var sent: [Request] {
        actions.compactMap { if case .send(let request) = $0 { request } else { nil } }
    }
    var acknowledged: [Request] {
        actions.compactMap { if case .acknowledge(let request) = $0 { request } else { nil } }
    }
    var responses: [Response] {
        actions.compactMap { if case .respond(let response, _) = $0 { response } else { nil } }
    }
    var plans: [MediaPlan] { actions.compactMap { if case .media(let plan) = $0 { plan } else { nil } } }
    var ending: Call.Ending? {
        actions.compactMap { if case .ended(let ending) = $0 { ending } else { nil } }.last
    }
}

func outgoing(_ media: LocalMedia = localMedia(), options: Call.Options = .init()) throws -> Run {
    var run = Run(
        call: Call(
            calling: .init(
                identity: try SIPURI("sip:alice@ims.lab"), target: try URI("sip:bob@ims.lab"),
                contact: "<sip:alice@127.0.0.9:5061>",
                routes: ["<sip:127.0.0.2:5061;transport=tls;lr>", "<sip:orig@127.0.0.3:5070;lr>"], callID: "c1",
                tag: "alice", options: options), media: media, now: now))
    run.drain()
    return run
}

func response(
    _ status: Int, to request: Request, tag: String = "bob", body: String = "", type: String = "application/sdp"
) throws -> Response {
    var response = Response.make(status, to: request, toTag: tag)
    response.headers.append(.contact, "<sip:bob@127.0.0.10:5060>")
    response.headers.append(.recordRoute, "<sip:leg@127.0.0.2:5061;lr>")
    if !body.isEmpty {
        response.headers.append(.contentType, type)
        response.body = ByteBuffer(string: body)
    }
    return response
}

func text(_ description: SessionDescription) -> String { String(buffer: description.octets) }

func invite(_ lines: String?, cSeq: Int = 1, toTag: String = "", method: SIP.Method = .invite) throws -> Request {
    var headers = Headers()
    headers.append(.via, "SIP/2.0/TLS 127.0.0.2:5061;branch=z9hG4bK\(cSeq)\(method)")
    headers.append(.recordRoute, "<sip:leg@127.0.0.2:5061;lr>")
    headers.append(.from, "<sip:alice@ims.lab>;tag=alice")
    headers.append(.to, "<sip:bob@ims.lab>" + (toTag.isEmpty ? "" : ";tag=\(toTag)"))
    headers.append(.callID, "c2")
    headers.append(.cSeq, "\(cSeq) \(method)")
    headers.append(.contact, "<sip:alice@127.0.0.9:5060>")
    headers.append(.pAssertedIdentity, "\"A\" <sip:alice@ims.lab>")
    var request = Request(method: method, uri: try URI("sip:bob@127.0.0.10:5060"), headers: headers)
    if let lines {
        request.headers.append(.contentType, "application/sdp")
        request.body = ByteBuffer(string: text(try description(lines)))
    }
    return request
}

func incoming(_ lines: String?, options: Call.Options = .init()) throws -> Run {
    var run = Run(
        call: Call(
            ringing: try invite(lines), token: 0, localTag: "bob", contact: "<sip:bob@127.0.0.10>", options: options,
            now: now))
    run.drain()
    return run
}

/// A call of ours that stands: TLS, the peer passive at 127.0.0.5:6000.
func standing(
    _ media: LocalMedia = localMedia(), options: Call.Options = .init(), answer: String = tlsLine("a=setup:passive\n")
)
    throws -> Run
{
    var run = try outgoing(media, options: options)
    run.call.receive(inviteResponse: try response(200, to: run.sent[0], body: text(try description(answer))), now: now)
    run.drain()
    return run
}

/// A request of the peer in such a call.
func fromPeer(_ lines: String?, cSeq: Int, method: SIP.Method = .invite) throws -> Request {
    var request = try invite(lines, cSeq: cSeq, toTag: "alice", method: method)
    request.headers.set(.callID, to: "c1")
    request.headers.set(.from, to: "<sip:bob@ims.lab>;tag=bob")
    request.headers.set(.to, to: "<sip:alice@ims.lab>;tag=alice")
    return request
}

extension Run {
    /// The peer answers what was sent last.
    mutating func answer(_ status: Int, _ lines: String? = nil, at time: NIODeadline = now, random: UInt64 = 0) throws {
        let request = sent[sent.count - 1]
        let body = try lines.map { text(try description($0)) } ?? ""
        call.receive(try response(status, to: request, body: body), now: time, random: random)
        drain()
    }

    mutating func receive(_ request: Request, token: Int? = 9, at time: NIODeadline = now) {
        call.receive(request, token: token, now: time)
        drain()
    }

    var outcomes: [ChangeOutcome] {
        actions.compactMap { if case .changed(_, let outcome) = $0 { outcome } else { nil } }
    }
    var directions: [MediaDirection] {
        actions.compactMap { if case .direction(let direction) = $0 { direction } else { nil } }
    }

    /// The line of the last request or response with a description.
    func line(_ message: Message?) -> MSRPMedia? {
        guard let body = message?.body else { return nil }
        return (try? SessionDescription(octets: body))?.messageMedia(at: 0)
    }
    var offered: MSRPMedia? { line(sent.last.map { .request($0) }) }
    var answered: MSRPMedia? { line(responses.last.map { .response($0) }) }
}
