import MediaSecurity
import SIP
import Testing

@testable import ProxyCSCF

@Suite("Dialogs outside of calls")
struct RelayedDialogsTests {
    static let subscribe = Fixtures.request(.subscribe)

    static func notify(tag: String, state: String = "active", routes: [String] = []) -> Request {
        Fixtures.request(
            .notify, from: "<sip:b@ims.lab>;tag=\(tag)", to: "<sip:a@ims.lab>;tag=caller",
            headers: [(.subscriptionState, state)] + routes.map { (.recordRoute, $0) })
    }

    static func later(to tag: String, from: String = "caller", callID: String? = nil) -> Request {
        var request = Fixtures.request(
            .subscribe, from: "<sip:a@ims.lab>;tag=\(from)", to: "<sip:b@ims.lab>;tag=\(tag)",
            headers: [(.route, "<sip:evil@127.9.9.9;lr>")])
        if let callID { request.headers.set(.callID, to: callID) }
        return request
    }

    private static func isOwn(_ value: String) -> Bool { value.contains("sip:D@") }

    /// As the UE has begun it, and the core's end `x` accepted it.
    private static func accepted() -> RelayedDialogs {
        var dialogs = RelayedDialogs()
        dialogs.open("D", by: subscribe, from: .ue, registration: "R")
        var response = Response.make(200, nil, to: subscribe, toTag: "x")
        for route in [
            "<sip:far@127.5.0.9;lr>", "<sip:home@127.2.0.1;lr>", "<sip:D@127.1.0.1:6000;lr>", "<sip:ue@127.4.0.1;lr>",
        ] {
            response.headers.append(.recordRoute, route)
        }
        dialogs.answered("D", response, isOwn: isOwn)
        return dialogs
    }

    @Test("TS 24.229 5.2.6.3, A10: a UE's request goes by the Record-Route of its dialog, not by its Route")
    func routes() {
        var dialogs = Self.accepted()
        let request = Self.later(to: "x")
        #expect(dialogs["D"]?.admits(request, from: .ue) == true)
        #expect(
            dialogs.use("D", by: request, from: .ue) == ["<sip:home@127.2.0.1;lr>", "<sip:far@127.5.0.9;lr>"])
    }

    @Test(
        "A12: another Call-ID, tag or far end is not of the dialog",
        arguments: [("x", "caller", "other@127.4.0.1"), ("x", "other", nil), ("y", "caller", nil)])
    func strangers(to: String, from: String, callID: String?) {
        let dialogs = Self.accepted()
        #expect(dialogs["D"]?.admits(Self.later(to: to, from: from, callID: callID), from: .ue) == false)
    }

    @Test(
        "RFC 6665 4.4.1: a NOTIFY that is faster than the 200, or of another branch, makes the dialog and brings its routes"
    )
    func notifyFirst() {
        var dialogs = RelayedDialogs(limits: .init(ends: 2))
        dialogs.open("D", by: Self.subscribe, from: .ue, registration: "R")
        #expect(dialogs["D"]?.admits(Self.later(to: "y"), from: .ue) == false)
        for tag in ["y", "z", "extra"] {
            let notify = Self.notify(tag: tag, routes: ["<sip:\(tag)@127.2.0.1;lr>"])
            #expect(dialogs["D"]?.admits(notify, from: .core) == true)
            _ = dialogs.use("D", by: notify, from: .core)
        }
        #expect(dialogs.use("D", by: Self.later(to: "y"), from: .ue) == ["<sip:y@127.2.0.1;lr>"])
        #expect(dialogs.use("D", by: Self.later(to: "z"), from: .ue) == ["<sip:z@127.2.0.1;lr>"])
        #expect(dialogs["D"]?.admits(Self.later(to: "extra"), from: .ue) == false)
        // A SUBSCRIBE of the core's in it, from an end that has not shown itself, is none.
        let foreign = Fixtures.request(
            .subscribe, from: "<sip:b@ims.lab>;tag=w", to: "<sip:a@ims.lab>;tag=caller")
        #expect(dialogs["D"]?.admits(foreign, from: .core) == false)
    }

    @Test("RFC 6665: a subscription of the core's to the UE takes the UE's tag from its first answer")
    func ofCore() {
        var dialogs = RelayedDialogs()
        let subscribe = Fixtures.request(
            .subscribe, from: "<sip:b@ims.lab>;tag=core", to: "<sip:a@ims.lab>",
            headers: [(.recordRoute, "<sip:home@127.2.0.1;lr>")])
        dialogs.open("D", by: subscribe, from: .core, registration: "R")
        let notify = Fixtures.request(.notify, from: "<sip:a@ims.lab>;tag=u", to: "<sip:b@ims.lab>;tag=core")
        #expect(dialogs["D"]?.admits(notify, from: .ue) == true)
        #expect(dialogs.use("D", by: notify, from: .ue) == ["<sip:home@127.2.0.1;lr>"])
        let other = Fixtures.request(.notify, from: "<sip:a@ims.lab>;tag=v", to: "<sip:b@ims.lab>;tag=core")
        #expect(dialogs["D"]?.admits(other, from: .ue) == false)
    }

    // RFC 6665 4.2.2, 8.4: by Subscription-State.
    @Test("RFC 6665 4.1.2.4: terminated ends it; so do a refusal and the end of the registration")
    func ends() {
        var dialogs = Self.accepted()
        dialogs.ended("D", by: Self.notify(tag: "x"), from: .core)
        #expect(dialogs.count == 1)
        dialogs.ended("D", by: Self.notify(tag: "x", state: "Terminated;reason=timeout"), from: .core)
        #expect(dialogs.count == 0)

        dialogs.open("D", by: Self.subscribe, from: .ue, registration: "R")
        dialogs.answered("D", .make(489, nil, to: Self.subscribe, toTag: "x"), isOwn: Self.isOwn)
        #expect(dialogs.count == 0)

        dialogs = Self.accepted()
        dialogs.registrationEnded("other")
        #expect(dialogs.count == 1)
        dialogs.registrationEnded("R")
        #expect(dialogs.count == 0 && dialogs["D"] == nil)
    }

    @Test("A13: the dialogs of one registration are limited, and its least used one gives way")
    func limit() {
        var dialogs = RelayedDialogs(limits: .init(perRegistration: 3))
        dialogs.open("other", by: Self.subscribe, from: .ue, registration: "other")
        for number in 0..<3 { dialogs.open("\(number)", by: Self.subscribe, from: .ue, registration: "R") }
        _ = dialogs.use("0", by: Self.notify(tag: "x"), from: .core)
        dialogs.open("3", by: Self.subscribe, from: .ue, registration: "R")
        #expect(dialogs.count == 4 && dialogs["1"] == nil && dialogs["0"] != nil && dialogs["other"] != nil)
    }
}
