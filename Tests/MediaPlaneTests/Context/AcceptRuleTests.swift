import ApplicationLevelGateway
import NIOCore
import SDP
import Testing
import Transport
import WireSyntax

@testable import MediaPlane

@Suite("iq-h248.md 10, Source: who is held, checked or closed")
struct AcceptRuleTests {
    private func e2ae(_ remote: RemoteDescription?, permitted: [String] = [], latch: Bool = false) throws
        -> ContextDriver
    {
        var driver = ContextDriver()
        try driver.add(
            "a", ContextDriver.request(.access, "TCP/TLS", remote: remote, permitted: permitted, latch: latch))
        try driver.add(
            "c", ContextDriver.request(.core, "TCP", remote: ContextDriver.remote(ContextDriver.peer)))
        _ = driver.actions()
        return driver
    }

    private var ueRemote: RemoteDescription {
        ContextDriver.remote(ContextDriver.ue, fingerprints: [ContextDriver.fingerprint])
    }

    @Test("A3: a stranger is closed and counted, never notified, and the right peer still gets in")
    func stranger() throws {
        var driver = try e2ae(ueRemote)
        try driver.accept("thief", on: "a", from: "203.0.113.1")
        #expect(driver.actions() == ["stranger thief", "close thief"])
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["handshake ue"])
        driver.machine.passed(try driver.id("ue"), now: driver.now)
        #expect(driver.actions() == ["attach ue a"])
        try driver.accept("second", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["refused second", "close second"])
    }

    @Test("gm/sam: the UE's Gm address is expected as well; names, 0.0.0.0 and :: in c= do not count")
    func permittedSources() throws {
        var driver = try e2ae(
            ContextDriver.remote("0.0.0.0", fingerprints: [ContextDriver.fingerprint]), permitted: ["192.0.2.8"])
        try driver.accept("gm", on: "a", from: "192.0.2.8")
        try driver.accept("other", on: "a", from: "192.0.2.9")
        #expect(driver.actions() == ["handshake gm", "stranger other", "close other"])
        #expect(ContextDriver.remote("ue.example.com").usableAddress == nil)
        #expect(ContextDriver.remote("::").usableAddress == nil)
    }

    @Test("A3: while nobody is expected yet, one of a source and four in all wait unread; the oldest gives way")
    func held() throws {
        var driver = try e2ae(nil)
        for index in 1...5 { try driver.accept("s\(index)", on: "a", from: "203.0.113.\(index)") }
        #expect(driver.actions() == ["stranger s1", "close s1"])
        try driver.accept("again", on: "a", from: "203.0.113.5")
        #expect(driver.actions() == ["stranger s5", "close s5"])
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["stranger s2", "close s2"])
        try driver.modify("a", TerminationChange(remote: ueRemote))
        #expect(
            Set(driver.actions()) == [
                "stranger s3", "close s3", "stranger s4", "close s4", "stranger again", "close again", "handshake ue",
            ])
    }

    @Test("A5: an address without a fingerprint is not enough: the peer waits, strangers do not")
    func noFingerprintYet() throws {
        var driver = try e2ae(ContextDriver.remote(ContextDriver.ue))
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        try driver.accept("thief", on: "a", from: "203.0.113.1")
        #expect(driver.actions() == ["stranger thief", "close thief"])
        driver.advance(.seconds(29))
        #expect(driver.machine.terminations[0].held.count == 1)
        driver.advance(.seconds(1))
        #expect(driver.actions().contains("close ue"))
    }

    @Test("ipnapt/latch: anybody may be checked, the fingerprint decides, only the expected one's failure is notified")
    func latching() throws {
        var driver = try e2ae(ueRemote, latch: true)
        try driver.accept("nat", on: "a", from: "203.0.113.1")
        try driver.accept("thief", on: "a", from: "203.0.113.2")
        #expect(driver.actions() == ["handshake nat", "handshake thief"])
        driver.machine.handshakeFailed(try driver.id("thief"), HandshakeFailure(.certificate, "no"))
        #expect(driver.actions() == ["stranger thief", "close thief"])
        driver.machine.passed(try driver.id("nat"), now: driver.now)
        #expect(driver.actions() == ["attach nat a"])
    }

    @Test("A4: the expected peer's wrong certificate is notified once, and nobody gets in until Remote changes")
    func wrongCertificate() throws {
        var driver = try e2ae(ueRemote)
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        _ = driver.actions()
        driver.machine.handshakeFailed(try driver.id("ue"), HandshakeFailure(.certificate, "another"))
        #expect(driver.actions() == ["close ue", "notify a tlsFailed"])
        try driver.accept("again", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["refused again", "close again"])
        try driver.modify(
            "a",
            TerminationChange(
                remote: ContextDriver.remote("192.0.2.99", fingerprints: [ContextDriver.fingerprint])))
        try driver.accept("new", on: "a", from: "192.0.2.99")
        #expect(driver.actions() == ["handshake new"])
    }

    @Test("A13: at most one connection of a source is checked, and a handshake has 10 s")
    func handshakeDeadline() throws {
        var driver = try e2ae(ueRemote)
        try driver.accept("slow", on: "a", from: ContextDriver.ue)
        try driver.accept("second", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["handshake slow", "refused second", "close second"])
        driver.advance(.seconds(10))
        #expect(driver.actions().prefix(2) == ["close slow", "notify a tlsFailed"])
    }

    @Test("A9: the core listener in aware mode reads a first request; another session's is refused, not notified")
    func firstRequest() throws {
        var driver = ContextDriver()
        try driver.add(
            "c",
            ContextDriver.request(
                .core, "TCP/MSRP",
                remote: ContextDriver.remote(ContextDriver.peer, path: "msrp://198.51.100.9:1/p;tcp")))
        try driver.accept("lost", on: "c", from: ContextDriver.peer)
        #expect(driver.actions() == ["first lost"])
        driver.machine.firstRequestRefused(try driver.id("lost"), reason: "another session", now: driver.now)
        #expect(driver.actions() == ["stranger lost", "finish lost"])
        try driver.accept("right", on: "c", from: ContextDriver.peer)
        driver.machine.passed(try driver.id("right"), now: driver.now)
        #expect(driver.actions() == ["first right", "attach right c"])
        driver.advance(.seconds(5))
        #expect(driver.actions() == ["close lost"], "what was being finished ends")
    }

    @Test(
        "A3: a silent connection of the expected core address gives way to the next; the time for TCP is not lost on it"
    )
    func silentFirstRequest() throws {
        let path = "msrp://198.51.100.9:1/p;tcp"
        var driver = ContextDriver()
        try driver.add(
            "c", ContextDriver.request(.core, "TCP/MSRP", remote: ContextDriver.remote(ContextDriver.peer, path: path)))
        try driver.add(
            "a",
            ContextDriver.request(
                .access, "TCP/MSRP", remote: ContextDriver.remote(ContextDriver.ue, path: "msrp://192.0.2.7:9/u;tcp")))
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        try driver.accept("silent", on: "c", from: ContextDriver.peer)
        _ = driver.actions()
        driver.advance(.seconds(8))
        try driver.accept("right", on: "c", from: ContextDriver.peer)
        #expect(driver.actions() == ["refused silent", "close silent", "first right"])
        driver.advance(.seconds(3))
        #expect(driver.actions().isEmpty, "TCP's time is up, but somebody is about to show a request")
        driver.machine.passed(try driver.id("right"), now: driver.now)
        #expect(driver.actions() == ["attach right c"])
    }

    @Test("A3: four slow handshakes of strangers under latching do not keep the expected peer out")
    func oldestGivesWay() throws {
        var driver = try e2ae(ueRemote, latch: true)
        for index in 1...4 { try driver.accept("s\(index)", on: "a", from: "203.0.113.\(index)") }
        _ = driver.actions()
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["stranger s1", "close s1", "handshake ue"])
        try driver.accept("s5", on: "a", from: "203.0.113.5")
        #expect(driver.actions() == ["stranger s2", "close s2", "handshake s5"])
    }

    @Test("An aware termination whose Remote has no path yet waits for it")
    func noPathYet() throws {
        var driver = ContextDriver()
        try driver.add(
            "a", ContextDriver.request(.access, "TCP/MSRP", remote: ContextDriver.remote(ContextDriver.ue)))
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        #expect(driver.actions().isEmpty)
        try driver.modify(
            "a",
            TerminationChange(remote: ContextDriver.remote(ContextDriver.ue, path: "msrp://192.0.2.7:9/s;tcp")))
        #expect(driver.actions() == ["attach ue a"])
    }
}
