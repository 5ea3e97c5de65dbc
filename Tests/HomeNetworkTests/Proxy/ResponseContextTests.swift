import NIOCore
import SIP
import Testing

@testable import HomeNetwork

struct ResponseContextTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    static func request(_ method: Method = .invite) -> Request {
        var headers = Headers()
        headers.append(.via, "SIP/2.0/TCP 127.0.0.3;branch=z9hG4bK1")
        headers.append(.from, "<sip:a@ims.lab>;tag=f")
        headers.append(.to, "<sip:b@ims.lab>")
        headers.append(.callID, "c")
        headers.append(.cSeq, "1 \(method)")
        return Request(method: method, uri: .other(scheme: "urn", rest: "x"), headers: headers)
    }

    static func context(_ branches: Int, method: Method = .invite) -> ResponseContext {
        var context = ResponseContext(request: request(method), toTag: "own")
        for branch in 1...branches { context.add(UInt64(branch), now: start) }
        return context
    }

    static func drain(_ context: inout ResponseContext) -> [String] {
        var result: [String] = []
        while let action = context.nextAction() {
            switch action {
            case .forward(let response): result.append("\(response.status)")
            case .cancel(let branch): result.append("cancel \(branch)")
            }
        }
        return result
    }

    @Test(
        "RFC 3261 16.7: which responses go on, and when",
        arguments: [
            ([(1, 100), (1, 180), (1, 200)], ["180", "200"]),
            ([(1, 180), (2, 183), (2, 200), (1, 487)], ["180", "183", "200", "cancel 1"]),
            ([(1, 486), (2, 404)], ["486"]), ([(1, 404), (2, 302)], ["302"]), ([(1, 500), (2, 486)], ["486"]),
            ([(1, 404), (2, 401)], ["401"]), ([(1, 486), (2, 415)], ["415"]),
            ([(1, 603), (2, 487)], ["cancel 2", "603"]), ([(1, 486), (2, 600)], ["600"]),
            ([(1, 503), (2, 503)], ["500"]), ([(1, 503), (2, 500)], ["500"]), ([(1, 408), (2, 480)], ["480"]),
            ([(1, 200), (2, 200)], ["200", "cancel 2", "200"]), ([(1, 200), (1, 200)], ["200", "cancel 2", "200"]),
            ([(1, 486), (1, 486), (2, 486), (2, 486)], ["486"]), ([(2, 200), (1, 180)], ["200", "cancel 1"]),
            ([(9, 200)], []),
        ] as [([(UInt64, Int)], [String])])
    func table(responses: [(UInt64, Int)], expected: [String]) {
        var context = Self.context(2)
        if responses.allSatisfy({ $0.0 == 1 }), responses.count == 3 { context = Self.context(1) }
        var result: [String] = []
        for (branch, status) in responses {
            context.receive(Response.make(status, to: Self.request(), toTag: "x"), on: branch, now: Self.start)
            result += Self.drain(&context)
        }
        #expect(result == expected)
    }

    @Test("RFC 3261 16.7 step 5: a second final response to another request than INVITE stays here")
    func nonInvite() {
        var context = Self.context(2, method: .message)
        for branch: UInt64 in [1, 2] {
            context.receive(Response.make(200, to: Self.request(), toTag: "x"), on: branch, now: Self.start)
        }
        #expect(Self.drain(&context) == ["200"])
    }

    @Test("RFC 4320 4.2: no 408 to another request than INVITE")
    func lateNonInvite() {
        var context = Self.context(1, method: .message)
        context.failed(1, timedOut: true)
        #expect(Self.drain(&context) == [])
    }

    @Test("RFC 3261 16.7 step 7: the challenges of all branches are sent on")
    func challenges() throws {
        var context = Self.context(2)
        for branch: UInt64 in [1, 2] {
            var response = Response.make(branch == 1 ? 401 : 407, to: Self.request(), toTag: "x")
            response.headers.append(branch == 1 ? .wwwAuthenticate : .proxyAuthenticate, "Digest realm=\"\(branch)\"")
            context.receive(response, on: branch, now: Self.start)
        }
        guard case .forward(let best)? = context.nextAction() else {
            Issue.record("nothing was sent on")
            return
        }
        #expect(best.headers.contains(.wwwAuthenticate) && best.headers.contains(.proxyAuthenticate))
    }

    @Test("RFC 3261 16.8: Timer C cancels, and starts anew with each provisional response")
    func timerC() {
        var context = Self.context(1)
        #expect(context.nextDeadline == Self.start + ResponseContext.timerC)
        let later = Self.start + .seconds(100)
        context.receive(Response.make(180, to: Self.request(), toTag: "x"), on: 1, now: later)
        _ = Self.drain(&context)
        context.timersDue(now: Self.start + ResponseContext.timerC)
        #expect(Self.drain(&context) == [])
        context.timersDue(now: later + ResponseContext.timerC)
        #expect(Self.drain(&context) == ["cancel 1"])
        #expect(context.nextDeadline == nil)
        context.failed(1, timedOut: true)
        #expect(Self.drain(&context) == ["408"])
    }

    @Test("RFC 3261 16.9: a transport failure counts as 503, a timeout as 408")
    func failures() {
        var context = Self.context(2)
        context.failed(1, timedOut: false)
        context.failed(2, timedOut: true)
        #expect(Self.drain(&context) == ["408"])
        var lone = Self.context(1)
        lone.failed(1, timedOut: false)
        #expect(Self.drain(&lone) == ["500"])
    }

    @Test("RFC 3261 16.10: a cancelled request cancels what is pending, once")
    func cancelled() {
        var context = Self.context(3)
        context.receive(Response.make(486, to: Self.request(), toTag: "x"), on: 2, now: Self.start)
        context.cancel()
        context.cancel()
        #expect(Self.drain(&context) == ["cancel 1", "cancel 3"])
    }
}
