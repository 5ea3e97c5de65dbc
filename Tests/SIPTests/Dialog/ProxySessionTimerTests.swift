import Testing
import WireSyntax

@testable import SIP

@Suite("RFC 4028: the session timer at a proxy")
struct ProxySessionTimerTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let what: String
        var expires: String?
        var minSE: String?
        var supported = true
        var interval: UInt32?
        var minimum: UInt32 = 90
        /// Session-Expires and Min-SE as they go on; nil: 422.
        let result: (String?, String?)?
        var testDescription: String { what }
    }

    static let requests = [
        Row(what: "8.1: no timer, none wanted", result: (nil, nil)),
        Row(what: "8.1: none, and one is wanted: inserted without refresher", interval: 1800, result: ("1800", nil)),
        Row(what: "8.1: inserted not below Min-SE", minSE: "3600", interval: 1800, result: ("3600", "3600")),
        Row(what: "8.1: inserted for a UAC without support too", supported: false, interval: 600, result: ("600", nil)),
        Row(
            what: "8.1: a larger one is reduced, its refresher stays", expires: "4000;refresher=uas", interval: 1800,
            result: ("1800;refresher=uas", nil)),
        Row(
            what: "8.1: not reduced below Min-SE", expires: "4000", minSE: "3000", interval: 1800,
            result: ("3000", "3000")),
        Row(what: "8.1: a smaller one is never increased", expires: "600", interval: 1800, result: ("600", nil)),
        Row(
            what: "8.1: passes as it is without a wish", expires: "600;refresher=uac",
            result: ("600;refresher=uac", nil)),
        Row(what: "8.1: below the minimum, supported: 422", expires: "60", result: nil),
        Row(what: "8.1: below the operator's minimum: 422", expires: "200", minimum: 300, result: nil),
        Row(
            what: "8.1: below the minimum, not supported: Min-SE and Session-Expires are raised", expires: "60",
            supported: false, result: ("90", "90")),
        Row(
            what: "8.1: Min-SE is raised, not decreased", expires: "200", minSE: "100", supported: false, minimum: 300,
            result: ("300", "300")),
        Row(
            what: "8.1: a Min-SE above ours stays", expires: "200", minSE: "400", supported: false, minimum: 300,
            result: ("400", "400")),
        Row(
            what: "8.1: with support Min-SE is not touched", expires: "400", minSE: "350", minimum: 300,
            result: ("400", "350")),
        Row(
            what: "8.1: Session-Expires below Min-SE is made equal", expires: "200", minSE: "350",
            result: ("350", "350")),
    ]

    @Test("RFC 4028 8, 8.1: a request on its way", arguments: requests)
    func request(row: Row) {
        var headers = Headers()
        if row.supported { headers.append(.supported, "100rel, timer") }
        if let expires = row.expires { headers.append(.sessionExpires, expires) }
        if let minSE = row.minSE { headers.append(.minSE, minSE) }
        let policy = ProxySessionTimer.Policy(interval: row.interval, minimum: row.minimum)
        switch ProxySessionTimer.examine(headers, policy) {
        case .tooSmall(let minimum):
            #expect(row.result == nil && minimum == row.minimum)
        case .proceed(let timer):
            timer.apply(to: &headers)
            #expect(headers[.sessionExpires] == row.result?.0 && headers[.minSE] == row.result?.1)
            #expect(row.result != nil)
        }
    }

    @Test("RFC 4028 8.1: no minimum of ours is below 90 seconds")
    func smallest() {
        let policy = ProxySessionTimer.Policy(interval: 10, minimum: 5)
        #expect(policy.minimum == 90 && policy.interval == 90)
    }

    struct Answer: Sendable, CustomTestStringConvertible {
        let what: String
        let asked: String?
        let supported: Bool
        let response: [(HeaderName, String)]
        let expires: String?
        let require: String?
        let interval: UInt32?
        var testDescription: String { what }
    }

    static let responses = [
        Answer(
            what: "8.2: the UAS took it: nothing is changed", asked: "1800", supported: true,
            response: [(.sessionExpires, "900;refresher=uas")], expires: "900;refresher=uas", require: nil,
            interval: 900),
        Answer(
            what: "8.2: the UAS does not know timers, the UAC does: inserted for it", asked: "1800", supported: true,
            response: [], expires: "1800;refresher=uac", require: "timer", interval: 1800),
        Answer(
            what: "8.2: neither knows timers: no expiration", asked: "1800", supported: false, response: [],
            expires: nil,
            require: nil, interval: nil),
        Answer(
            what: "8.2: nobody asked", asked: nil, supported: true, response: [], expires: nil, require: nil,
            interval: nil
        ),
        Answer(
            what: "8.2: timer is added beside another Require", asked: "1800", supported: true,
            response: [(.require, "100rel")], expires: "1800;refresher=uac", require: "100rel,timer", interval: 1800),
    ]

    @Test("RFC 4028 8.2: a 2xx on its way back", arguments: responses)
    func response(row: Answer) {
        var request = Headers()
        if row.supported { request.append(.supported, "timer") }
        if let asked = row.asked { request.append(.sessionExpires, asked) }
        guard case .proceed(let timer) = ProxySessionTimer.examine(request, .init()) else {
            Issue.record("422")
            return
        }
        var headers = Headers()
        for (name, value) in row.response { headers.append(name, value) }
        #expect(timer.complete(&headers) == row.interval)
        #expect(headers[.sessionExpires] == row.expires)
        #expect((headers.contains(.require) ? headers.list(.require).joined(separator: ",") : nil) == row.require)
    }

    @Test("RFC 4028 3, 4, 5: Session-Expires and Min-SE")
    func grammar() throws {
        #expect(try SessionExpires("1800 ; refresher=UAS") == SessionExpires(interval: 1800, refresher: .uas))
        #expect(try SessionExpires("90;x=y") == SessionExpires(interval: 90))
        #expect("\(SessionExpires(interval: 7, refresher: .uac))" == "7;refresher=uac")
        for text in ["", "x", "-1", "4294967296", "90;;"] {
            #expect(throws: SyntaxError.self) { try SessionExpires(text) }
        }
    }
}
