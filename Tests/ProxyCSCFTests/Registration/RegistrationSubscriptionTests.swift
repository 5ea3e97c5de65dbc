import NIOCore
import SIP
import Testing

@testable import ProxyCSCF

@Suite("What the home network says of registrations")
struct RegistrationSubscriptionTests {
    static let contact = Fixtures.uri("sip:u@127.4.0.1:40000;transport=tls")
    static let identities = [Fixtures.uri("sip:a@ims.lab"), Fixtures.uri("tel:+4912345")]

    static func document(
        version: Int = 1, state: String = "full", registration: String = "active", contact: String = "active",
        event: String = "registered", extra: String = "", uri: String = "sip:u@127.4.0.1:40000;transport=tls"
    ) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="\(version)" state="\(state)">
          <registration aor="sip:a@ims.lab" id="r1" state="\(registration)">
            <contact id="c1" state="\(contact)" event="\(event)"\(extra)><uri>\(uri)</uri><display-name>A</display-name></contact>
          </registration>
        </reginfo>
        """
    }

    static func read(_ text: String) -> RegistrationInformation? {
        try? RegistrationInformation(ByteBuffer(string: text))
    }

    @Test("RFC 3680 5: version, state, identities, contacts and what became of them")
    func document() throws {
        let active = try #require(Self.read(Self.document(version: 7)))
        #expect(active.version == 7 && active.isFull && active.endedIdentities.isEmpty)
        #expect(!active.hasEnded(Self.contact, of: Self.identities))
        for event in ["rejected", "deactivated", "expired", "unregistered", "probation"] {
            let text = Self.document(state: "partial", contact: "terminated", event: event)
            let ended = try #require(Self.read(text))
            #expect(!ended.isFull && ended.hasEnded(Self.contact, of: Self.identities), "\(event)")
            #expect(!ended.hasEnded(Fixtures.uri("sip:other@127.4.0.1:40000"), of: Self.identities))
            // Another user's registration says nothing of ours.
            #expect(!ended.hasEnded(Self.contact, of: [Fixtures.uri("sip:b@ims.lab")]))
        }
        let gone = try #require(Self.read(Self.document(registration: "terminated", contact: "terminated")))
        #expect(gone.endedIdentities == [Fixtures.uri("sip:a@ims.lab")])
        let short = try #require(Self.read(Self.document(event: "shortened", extra: " expires=\"60\"")))
        #expect(short.shortened(Self.contact, of: Self.identities) == 60)
        #expect(active.shortened(Self.contact, of: Self.identities) == nil)
    }

    static let hostile: [(String, String)] = [
        ("nothing", ""), ("no XML", "hello"), ("cut off", String(document().prefix(200))),
        ("another document", "<presence version=\"1\"/>"),
        ("no version", "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" state=\"full\"/>"),
        (
            "an entity",
            "<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><reginfo version=\"1\" state=\"full\">&e;</reginfo>"
        ),
        ("another encoding", document().replacing("UTF-8", with: "UTF-7")),
        ("too long", document(uri: "sip:" + String(repeating: "u", count: 70_000) + "@h")),
        ("a long URI", document(uri: "sip:" + String(repeating: "u", count: 2000) + "@h")),
        (
            "too many elements",
            "<reginfo version=\"1\" state=\"full\">" + String(repeating: "<x/>", count: 600) + "</reginfo>"
        ),
        (
            "too deep",
            "<reginfo version=\"1\" state=\"full\">" + String(repeating: "<x>", count: 20)
                + String(repeating: "</x>", count: 20) + "</reginfo>"
        ),
    ]

    @Test(
        "A document that is none, declares entities or is too large is refused as a whole", arguments: hostile.indices)
    func refused(index: Int) {
        let (name, text) = Self.hostile[index]
        #expect(Self.read(text) == nil, "\(name)")
    }

    // MARK: The subscription

    static func subscription() -> RegistrationSubscription {
        RegistrationSubscription(
            token: "0123456789abcdef0123456789abcdef", registration: "regtoken",
            addressOfRecord: Fixtures.uri("sip:a@ims.lab"), contact: "<sip:0123@127.1.0.1:6000;transport=tcp>",
            identity: "<sip:127.1.0.1:6000>")
    }

    static func accept(_ request: Request, _ status: Int = 200, expires: Int = 600) -> Response {
        var response = Response.make(status, nil, to: request, toTag: "home")
        response.headers.append(.contact, "<sip:reg@127.2.0.1:5060>")
        response.headers.append(.recordRoute, "<sip:scscf@127.2.0.1:5060;lr>")
        response.headers.append(.expires, "\(expires)")
        return response
    }

    static func notify(
        _ subscribe: Request, cSeq: Int = 1, state: String = "active;expires=600", body: String = document(),
        event: String = "reg", type: String = RegistrationInformation.contentType
    ) -> Request {
        var request = Fixtures.request(
            .notify, uri: "sip:0123@127.1.0.1:6000;transport=tcp", from: "<sip:a@ims.lab>;tag=home",
            to: subscribe.headers[.from] ?? "", cSeq: cSeq, contact: "<sip:reg@127.2.0.1:5060>", body: body, type: type,
            headers: [("Event", event), (.subscriptionState, state)])
        request.headers.set(.callID, to: subscribe.headers.callID ?? "")
        return request
    }

    @Test(
        "TS 24.229 5.2.3: Event reg at the default public identity, as this function, for longer than any registration")
    func subscribe() {
        var subscription = Self.subscription()
        let request = subscription.start()
        #expect(request.method == .subscribe && "\(request.uri)" == "sip:a@ims.lab")
        #expect(request.headers[.event] == "reg" && request.headers[.accept] == "application/reginfo+xml")
        #expect(request.headers[.expires] == "600000")
        #expect(request.headers[.pAssertedIdentity] == "<sip:127.1.0.1:6000>")
        #expect(request.headers[.from]?.hasPrefix("<sip:127.1.0.1:6000>;tag=") == true)
    }

    @Test("RFC 6665 4.1.2.2: refreshed in time, in its dialog", arguments: [(600, 300), (7200, 6600)])
    func refresh(expires: Int, after: Int) throws {
        var subscription = Self.subscription()
        let request = subscription.start()
        #expect(subscription.receive(Self.accept(request, expires: expires), to: request, now: Fixtures.start) == nil)
        let due = Fixtures.start + .seconds(Int64(after))
        #expect(subscription.nextDeadline == due)
        let againSent = subscription.timersDue(now: due)
        let again = try #require(againSent)
        #expect(again.headers.toTag == "home" && again.headers[.event] == "reg")
        #expect(again.headers.values(.route) == ["<sip:scscf@127.2.0.1:5060;lr>"])
        #expect("\(again.uri)" == "sip:reg@127.2.0.1:5060")
        #expect(again.headers.callID == request.headers.callID)
        #expect(try again.headers.cSeq().number == 2)
        _ = subscription.receive(Self.accept(again, expires: expires), to: again, now: due)
        #expect(subscription.nextDeadline == due + .seconds(Int64(after)))
    }

    @Test("RFC 6665 4.4.1: the NOTIFY may come before the 200")
    func notifyFirst() throws {
        var subscription = Self.subscription()
        let request = subscription.start()
        let (answer, next) = subscription.receive(notify: Self.notify(request), now: Fixtures.start)
        #expect(answer == .accept(Self.read(Self.document())) && next == nil)
        _ = subscription.receive(Self.accept(request), to: request, now: Fixtures.start)
        let againSent = subscription.timersDue(now: Fixtures.start + .seconds(300))
        let again = try #require(againSent)
        #expect(try again.headers.cSeq().number == 2)
    }

    @Test("RFC 3680 5: an old document is discarded, a missed one is asked for")
    func versions() {
        var subscription = Self.subscription()
        let request = subscription.start()
        _ = subscription.receive(Self.accept(request), to: request, now: Fixtures.start)
        func notify(_ cSeq: Int, _ version: Int, _ state: String = "partial") -> (
            RegistrationSubscription.Answer, Request?
        ) {
            subscription.receive(
                notify: Self.notify(request, cSeq: cSeq, body: Self.document(version: version, state: state)),
                now: Fixtures.start)
        }
        var isDocument: [Bool] = []
        var asks: [Bool] = []
        for (cSeq, version) in [(1, 3), (2, 3), (3, 4), (4, 6), (5, 5)] {
            let (answer, next) = notify(cSeq, version)
            isDocument.append(answer != .accept(nil))
            asks.append(next != nil)
        }
        #expect(isDocument == [true, false, true, true, false])
        #expect(asks == [false, false, false, true, false])
    }

    @Test("RFC 6665 4.1.3: what is not of this subscription, or cannot be read, is refused")
    func refusals() {
        var subscription = Self.subscription()
        let request = subscription.start()
        _ = subscription.receive(Self.accept(request), to: request, now: Fixtures.start)
        var foreign = Self.notify(request)
        foreign.headers.set(.callID, to: "other")
        var otherTag = Self.notify(request)
        otherTag.headers.set(.from, to: "<sip:a@ims.lab>;tag=other")
        for (notify, status) in [
            (foreign, 481), (otherTag, 481), (Self.notify(request, event: "presence"), 489),
            (Self.notify(request, cSeq: 2, type: "text/plain"), 415),
            (Self.notify(request, cSeq: 3, body: "<x/>"), 400),
            (Self.notify(request, cSeq: 3), 500),
        ] {
            let (answer, _) = subscription.receive(notify: notify, now: Fixtures.start)
            #expect(answer == .refuse(status), "\(status)")
        }
    }

    @Test(
        "A subscription that is lost is made anew, with another Call-ID; one that is refused is not",
        arguments: [481, 500, 403, 489])
    func lost(status: Int) throws {
        var subscription = Self.subscription()
        let request = subscription.start()
        _ = subscription.receive(Self.accept(request), to: request, now: Fixtures.start)
        let due = Fixtures.start + .seconds(300)
        let againSent = subscription.timersDue(now: due)
        let again = try #require(againSent)
        if status == 481 || status == 500 {
            _ = subscription.receive(.make(status, nil, to: again, toTag: nil), to: again, now: due)
            let next = try #require(subscription.nextDeadline)
            #expect(next == due + RegistrationSubscription.pause)
            let anewSent = subscription.timersDue(now: next)
            let anew = try #require(anewSent)
            #expect(anew.headers.callID != request.headers.callID && anew.headers.toTag == nil)
        } else {
            var fresh = Self.subscription()
            let first = fresh.start()
            _ = fresh.receive(.make(status, nil, to: first, toTag: "t"), to: first, now: Fixtures.start)
            #expect(fresh.isOver && fresh.nextDeadline == nil)
        }
    }

    @Test(
        "RFC 6665 4.1.3: terminated ends it, or lets it begin anew, by its reason",
        arguments: [("noresource", true), ("rejected", true), ("deactivated", false), ("timeout", false)])
    func terminated(reason: String, isOver: Bool) {
        var subscription = Self.subscription()
        let request = subscription.start()
        _ = subscription.receive(Self.accept(request), to: request, now: Fixtures.start)
        let notify = Self.notify(
            request, state: "terminated;reason=\(reason)",
            body: Self.document(registration: "terminated", contact: "terminated", event: "deactivated"))
        let (answer, _) = subscription.receive(notify: notify, now: Fixtures.start)
        // What it says counts all the same.
        #expect(answer != .accept(nil) && subscription.isOver == isOver)
    }
}
