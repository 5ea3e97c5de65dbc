import MediaSecurity
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

@Suite("Who is served")
struct AdmissionTests {
    static let admission = Admission(
        own: Fixtures.own, peers: [IPAddress("127.2.0.1")!],
        security: SecurityContext(gatewayCapable: true, allowUnprotected: false))

    /// A verdict as a word.
    private static func word(_ verdict: Admission.Verdict) -> String {
        switch verdict {
        case .register: "register"
        case .call(let token, _, let side): "call \(token) from \(side)"
        case .begin(_, let direction, _): "begin \(direction)"
        case .relay(_, let side, _, let dialog): "relay from \(side)" + (dialog.map { " in \($0)" } ?? "")
        case .notification(let token, _): "notification \(token)"
        case .drop: "drop"
        case .turnAway(let refusal, let count): "away \(refusal.status) \(count.kind)"
        case .refuse(let refusal, let count): "\(refusal.status)" + (count.map { " \($0.kind)" } ?? "")
        }
    }

    /// A store with one registration, over `Fixtures.ueFlow`, and its token.
    private static func store() -> (RegistrationStore, String) {
        var harness = RegistrationStoreTests.Harness()
        let token = (try? harness.complete())?.token ?? "none"
        return (harness.store, token)
    }

    /// One dialog of the registration, `DIALOG`, begun by the UE and answered by the core's end `x`.
    private static func dialogs(_ token: String) -> RelayedDialogs {
        var dialogs = RelayedDialogs()
        let subscribe = Fixtures.request(.subscribe)
        dialogs.open("DIALOG", by: subscribe, from: .ue, registration: token)
        dialogs.answered("DIALOG", .make(200, nil, to: subscribe, toTag: "x")) { _ in false }
        return dialogs
    }

    static let mwRoute = "@127.1.0.1:6000;transport=tcp;lr>"
    static let gmRoute = "@127.1.0.1:5061;transport=tls;lr>"
    static let tagged = "<sip:b@ims.lab>;tag=x"

    struct Row: Sendable, CustomTestStringConvertible {
        let rule: String
        let flow: Flow
        let isAccess: Bool
        let method: Method
        var from = "<sip:a@ims.lab>;tag=caller"
        var to = "<sip:b@ims.lab>"
        /// `CALL` and `REG` stand for the tokens of the call and of the registration.
        var route: String?
        var uri = "sip:b@ims.lab"
        var headers: [(HeaderName, String)] = []
        let verdict: String
        var testDescription: String { rule }
    }

    static let rows = [
        Row(
            rule: "REGISTER from anybody", flow: Fixtures.otherFlow, isAccess: true, method: .register,
            verdict: "register"),
        Row(
            rule: "INVITE of a registered UE", flow: Fixtures.ueFlow, isAccess: true, method: .invite,
            verdict: "begin originating"),
        Row(
            rule: "A12: INVITE over a flow without registration", flow: Fixtures.otherFlow, isAccess: true,
            method: .invite,
            verdict: "away 403 unregistered"),
        Row(
            rule: "A12: only the REGISTER counts: not even Max-Forwards 0 is told to a stranger",
            flow: Fixtures.otherFlow,
            isAccess: true, method: .invite, headers: [(.maxForwards, "0"), (.proxyRequire, "gruu")],
            verdict: "away 403 unregistered"),
        Row(
            rule: "A12: an ACK over a flow without registration", flow: Fixtures.otherFlow, isAccess: true,
            method: .ack,
            verdict: "drop"),
        Row(
            rule: "MESSAGE of a registered UE", flow: Fixtures.ueFlow, isAccess: true, method: .message,
            verdict: "relay from ue"),
        Row(
            rule: "A request of the UE's own call", flow: Fixtures.ueFlow, isAccess: true, method: .bye, to: tagged,
            route: "<sip:CALL" + gmRoute, verdict: "call CALL from ue"),
        Row(
            rule: "A12: a call of another registration", flow: Fixtures.ueFlow, isAccess: true, method: .bye,
            to: tagged,
            route: "<sip:FOREIGN" + gmRoute, verdict: "403 foreignFlow"),
        Row(
            rule: "A12: the same by the address of Mw", flow: Fixtures.ueFlow, isAccess: true, method: .bye, to: tagged,
            route: "<sip:FOREIGN" + mwRoute, verdict: "403 foreignFlow"),
        Row(
            rule: "A dialog that nobody knows", flow: Fixtures.ueFlow, isAccess: true, method: .bye, to: tagged,
            route: "<sip:nothing" + gmRoute, verdict: "481"),
        Row(
            rule: "A dialog of a subscription", flow: Fixtures.ueFlow, isAccess: true, method: .subscribe, to: tagged,
            route: "<sip:DIALOG" + gmRoute, verdict: "relay from ue in DIALOG"),
        Row(
            rule: "A12: a dialog that the registration's token alone names", flow: Fixtures.ueFlow, isAccess: true,
            method: .subscribe, to: tagged, route: "<sip:REG" + gmRoute, verdict: "481"),
        Row(
            rule: "A10: an end of the dialog that was never heard of", flow: Fixtures.ueFlow, isAccess: true,
            method: .subscribe, to: "<sip:b@ims.lab>;tag=unheard", route: "<sip:DIALOG" + gmRoute, verdict: "481"),
        Row(
            rule: "A11: an UPDATE in a dialog that is no call", flow: Fixtures.ueFlow, isAccess: true, method: .update,
            to: tagged, route: "<sip:DIALOG" + gmRoute, verdict: "481"),
        Row(
            rule: "An ACK that belongs to nothing", flow: Fixtures.ueFlow, isAccess: true, method: .ack, to: tagged,
            verdict: "drop"),
        Row(
            rule: "OPTIONS to the P-CSCF itself", flow: Fixtures.ueFlow, isAccess: true, method: .options,
            uri: "sip:127.1.0.1:5061;transport=tls", verdict: "200"),
        Row(
            rule: "Another method to the P-CSCF itself", flow: Fixtures.ueFlow, isAccess: true, method: .message,
            uri: "sip:127.1.0.1:5061", verdict: "405"),
        Row(
            rule: "RFC 3329: Security-Verify that is not the list", flow: Fixtures.ueFlow, isAccess: true,
            method: .invite,
            headers: [(.securityVerify, "other;mediasec")], verdict: "494 securityVerify"),
        Row(
            rule: "RFC 3329: Security-Verify that is the list", flow: Fixtures.ueFlow, isAccess: true, method: .invite,
            headers: [(.securityVerify, "msrp-tls;mediasec")], verdict: "begin originating"),
        Row(
            rule: "RFC 3329 2.6: no 494 to an ACK", flow: Fixtures.ueFlow, isAccess: true, method: .ack,
            headers: [(.securityVerify, "other;mediasec")], verdict: "drop"),
        Row(
            rule: "RFC 3261 16.3: Proxy-Require", flow: Fixtures.ueFlow, isAccess: true, method: .invite,
            headers: [(.proxyRequire, "gruu")], verdict: "420"),
        Row(
            rule: "A route that is no route", flow: Fixtures.ueFlow, isAccess: true, method: .invite, route: "<sip:",
            verdict: "400"),
        Row(
            rule: "INVITE of the core to a registered UE", flow: Fixtures.coreFlow, isAccess: false, method: .invite,
            route: "<sip:REG" + mwRoute, verdict: "begin terminating"),
        Row(
            rule: "A12: the same from a UE's address at Mw", flow: Fixtures.plainFlow, isAccess: false, method: .invite,
            route: "<sip:REG" + mwRoute, verdict: "away 403 foreignCore"),
        Row(
            rule: "RFC 5626 5.3: INVITE of the core to nobody", flow: Fixtures.coreFlow, isAccess: false,
            method: .invite, route: "<sip:nobody" + mwRoute, verdict: "430"),
        Row(
            rule: "A request of the core in a call", flow: Fixtures.coreFlow, isAccess: false, method: .bye, to: tagged,
            route: "<sip:CALL" + mwRoute, verdict: "call CALL from core"),
        Row(
            rule: "A later INVITE of the core in no call", flow: Fixtures.coreFlow, isAccess: false, method: .invite,
            to: tagged, route: "<sip:REG" + mwRoute, verdict: "481"),
        Row(
            rule: "NOTIFY of the core", flow: Fixtures.coreFlow, isAccess: false, method: .notify,
            from: "<sip:b@ims.lab>;tag=x", to: "<sip:a@ims.lab>;tag=caller", route: "<sip:DIALOG" + mwRoute,
            verdict: "relay from core in DIALOG"),
        Row(
            rule: "RFC 6665 4.3: NOTIFY of another branch", flow: Fixtures.coreFlow, isAccess: false, method: .notify,
            from: "<sip:b@ims.lab>;tag=y", to: "<sip:a@ims.lab>;tag=caller", route: "<sip:DIALOG" + mwRoute,
            verdict: "relay from core in DIALOG"),
        Row(
            rule: "NOTIFY of the core in no dialog", flow: Fixtures.coreFlow, isAccess: false, method: .notify,
            to: tagged, route: "<sip:REG" + mwRoute, verdict: "481"),
        Row(
            rule: "REGISTER from the core", flow: Fixtures.coreFlow, isAccess: false, method: .register,
            route: "<sip:REG" + mwRoute, verdict: "430"),
    ]

    @Test("RFC 3261 16.3, TS 24.229 5.2.6", arguments: rows)
    func verdict(row: Row) {
        let (store, token) = Self.store()
        var headers = row.headers
        if let route = row.route { headers.append((.route, route.replacing("REG", with: token))) }
        let request = Fixtures.request(row.method, uri: row.uri, from: row.from, to: row.to, headers: headers)
        let verdict = Self.admission.judge(
            request, over: row.flow, isAccess: row.isAccess, store, Self.dialogs(token)
        ) { token in ["CALL": Fixtures.ueFlow, "FOREIGN": Fixtures.otherFlow][token] }
        #expect(Self.word(verdict) == row.verdict)
        // RFC 3261 21.4.6, 21.4.15: what 405 and 420 list.
        if case .refuse(let refusal, _) = verdict, [405, 420].contains(refusal.status) {
            let listed = refusal.status == 405 ? refusal.headers[.allow] : refusal.headers[.unsupported]
            #expect(listed == (refusal.status == 405 ? "OPTIONS, REGISTER" : "gruu"))
        }
    }

    @Test(
        "A11: what belongs to a call does not pass beside its leg",
        arguments: [Method.update, .prack, .bye, .info, .invite],
        [true, false])
    func besideTheLeg(method: Method, isTagged: Bool) {
        guard method != .invite || isTagged else { return }
        let (store, token) = Self.store()
        for isAccess in [true, false] {
            let request = Fixtures.request(
                method, to: isTagged ? Self.tagged : "<sip:b@ims.lab>",
                headers: [(.route, "<sip:\(token)" + (isAccess ? Self.gmRoute : Self.mwRoute))])
            let verdict = Self.admission.judge(
                request, over: isAccess ? Fixtures.ueFlow : Fixtures.coreFlow, isAccess: isAccess, store
            ) { _ in nil }
            #expect(Self.word(verdict) == "481")
        }
    }

    @Test("RFC 3261 16.3: Max-Forwards 0 gets 483")
    func maxForwards() {
        let request = Fixtures.request(.invite, headers: [(.maxForwards, "0")])
        let verdict = Self.admission.judge(request, over: Fixtures.ueFlow, isAccess: true, Self.store().0) { _ in nil }
        #expect(Self.word(verdict) == "483")
    }

    static let peerRows: [(String, [String], Bool)] = [
        ("::1", ["::1"], true), ("::1", ["127.0.0.1"], false), ("2001:db8::1", ["2001:db8::1"], true),
        ("2001:db8::1", ["2001:db8::2"], false), ("2001:db8:0:0::1", ["2001:0db8::0001"], true),
        ("::ffff:127.2.0.1", ["127.2.0.1"], true), ("127.2.0.1", ["::ffff:127.2.0.1"], true),
        ("::127.2.0.1", ["127.2.0.1"], false),
    ]

    @Test(
        "A12: what is core is decided by the address of the peer, IPv6 and IPv4-mapped ones too",
        arguments: peerRows.indices)
    func peers(index: Int) throws {
        let (source, list, isCore) = Self.peerRows[index]
        let admission = Admission(
            own: Fixtures.own, peers: Set(list.compactMap { IPAddress($0) }), security: Self.admission.security)
        let flow = Flow(
            transport: .tcp, local: try #require(Endpoint("[::1]:6000")),
            remote: Endpoint(try #require(IPAddress(source)), 5060), connection: 4)
        #expect(admission.isPeer(flow) == isCore)
        let (store, token) = Self.store()
        let request = Fixtures.request(.invite, headers: [(.route, "<sip:\(token)" + Self.mwRoute)])
        let verdict = admission.judge(request, over: flow, isAccess: false, store) { _ in nil }
        #expect(Self.word(verdict) == (isCore ? "begin terminating" : "away 403 foreignCore"))
    }

    @Test(
        "RFC 6665, A12: a NOTIFY to our own Contact is ours at Mw, and nobody else's at Gm", arguments: [true, false])
    func notification(isAccess: Bool) {
        let notify = Fixtures.request(.notify, uri: "sip:SUB@127.1.0.1:6000;transport=tcp", to: Self.tagged)
        let verdict = Self.admission.judge(
            notify, over: isAccess ? Fixtures.ueFlow : Fixtures.coreFlow, isAccess: isAccess, Self.store().0,
            isSubscription: { $0 == "SUB" }
        ) { _ in nil }
        #expect(Self.word(verdict) == (isAccess ? "481" : "notification SUB"))
    }

    @Test("A12: a peer of the core that comes to Gm is a stranger like any other")
    func coreAtGm() {
        let (store, token) = Self.store()
        let request = Fixtures.request(.invite, headers: [(.route, "<sip:\(token)" + Self.mwRoute)])
        let verdict = Self.admission.judge(request, over: Fixtures.coreFlow, isAccess: true, store) { _ in nil }
        #expect(Self.word(verdict) == "away 403 unregistered")
    }
}
