import ApplicationLevelGateway
import NIOCore
import SDP
import Testing
import Transport
import WireSyntax

@testable import MediaPlane

@Suite("iq-h248.md 10, Start: who connects, and when")
struct StartRuleTests {
    private var ueRemote: RemoteDescription {
        ContextDriver.remote(ContextDriver.ue, port: 5000, fingerprints: [ContextDriver.fingerprint])
    }
    private var coreRemote: RemoteDescription { ContextDriver.remote(ContextDriver.peer, port: 6000) }

    @Test("The active side connects when both Remotes are known and the passive side is up")
    func activeAfterPassive() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP/TLS", .passive, remote: ueRemote))
        try driver.add("c", ContextDriver.request(.core, "TCP", .active))
        #expect(driver.actions().isEmpty && driver.machine.nextDeadline == nil)
        try driver.modify("c", TerminationChange(remote: coreRemote))
        #expect(driver.actions().isEmpty)
        #expect(driver.machine.nextDeadline == driver.now + .seconds(10), "X3: the TCP timer of every termination")
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        driver.machine.passed(try driver.id("ue"), now: driver.now)
        #expect(driver.actions() == ["handshake ue", "attach ue a", "connect c 198.51.100.9:6000"])
        driver.machine.connected(try driver.id("c"), now: driver.now)
        #expect(driver.actions() == ["attach c c"])
        #expect(driver.machine.nextDeadline == nil)
    }

    @Test("Both active: both connect at once; TLS follows TCP on the access side")
    func bothActive() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP/TLS", .active, remote: ueRemote))
        #expect(driver.actions().isEmpty)
        try driver.add("c", ContextDriver.request(.core, "TCP", .active, remote: coreRemote))
        #expect(driver.actions() == ["connect a 192.0.2.7:5000", "connect c 198.51.100.9:6000"])
        driver.machine.connected(try driver.id("a"), now: driver.now)
        #expect(driver.actions() == ["handshake a"])
    }

    @Test("A role that becomes active with the answer connects; the same Remote again does nothing")
    func roleOfTheAnswer() throws {
        var driver = ContextDriver()
        try driver.add(
            "a", ContextDriver.request(.access, "TCP", .passive, remote: ContextDriver.remote(ContextDriver.ue)))
        try driver.add("c", ContextDriver.request(.core, "TCP", .passive))
        try driver.accept("early", on: "c", from: ContextDriver.peer)
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["attach ue a"])
        try driver.modify("c", TerminationChange(remote: coreRemote, role: .active))
        #expect(driver.actions() == ["refused early", "close early", "connect c 198.51.100.9:6000"])
        try driver.modify("c", TerminationChange(remote: coreRemote))
        #expect(driver.actions().isEmpty)
    }

    @Test(
        "X3: no connection within 10 s is notified by the side that waited; the active one, which had to wait, is silent"
    )
    func tcpTimer() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP/TLS", .passive, remote: ueRemote))
        try driver.add("c", ContextDriver.request(.core, "TCP", .active, remote: coreRemote))
        driver.advance(.seconds(9))
        #expect(driver.actions().isEmpty)
        driver.advance(.seconds(1))
        #expect(driver.actions() == ["notify a tcpFailed"])
    }

    @Test("X3: the passive side's TLS is under way when TCP's time is up: the active side still connects after it")
    func tlsAtTheDeadline() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP/TLS", .passive, remote: ueRemote))
        try driver.add("c", ContextDriver.request(.core, "TCP", .active, remote: coreRemote))
        driver.advance(.seconds(9))
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        driver.advance(.seconds(1))
        driver.machine.passed(try driver.id("ue"), now: driver.now)
        #expect(driver.actions() == ["handshake ue", "attach ue a", "connect c 198.51.100.9:6000"])
        #expect(driver.machine.nextDeadline == driver.now + .seconds(10))
    }

    @Test("An active role that becomes passive stops connecting, and listens")
    func noLongerActive() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP/TLS", .active, remote: ueRemote))
        try driver.add("c", ContextDriver.request(.core, "TCP", .active, remote: coreRemote))
        _ = driver.actions()
        try driver.modify("a", TerminationChange(role: .passive))
        #expect(driver.actions() == ["close a"])
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["handshake ue"])
    }

    @Test("A connection that cannot be opened, or not in time, is notified")
    func connectFailed() throws {
        for inTime in [true, false] {
            var driver = ContextDriver()
            try driver.add("a", ContextDriver.request(.access, "TCP", .active, remote: ueRemote))
            try driver.add("c", ContextDriver.request(.core, "TCP", .passive, remote: coreRemote))
            try driver.accept("peer", on: "c", from: ContextDriver.peer)
            #expect(driver.actions() == ["attach peer c", "connect a 192.0.2.7:5000"])
            if inTime {
                driver.machine.connectFailed(try driver.id("a"), reason: "refused")
            } else {
                driver.advance(.seconds(10))
            }
            #expect(driver.actions().last == "notify a tcpFailed")
        }
    }

    @Test("Changed Remote: the connection is closed and the termination starts anew, the other leg stays")
    func changedRemote() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP/TLS", .passive, remote: ueRemote))
        try driver.add("c", ContextDriver.request(.core, "TCP", .active, remote: coreRemote))
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        driver.machine.passed(try driver.id("ue"), now: driver.now)
        _ = driver.actions()
        driver.machine.connected(try driver.id("c"), now: driver.now)
        _ = driver.actions()
        let other = Fingerprint(hash: .sha256, octets: [UInt8](repeating: 8, count: 32))
        try driver.modify(
            "a",
            TerminationChange(
                remote: ContextDriver.remote(ContextDriver.ue, port: 5000, fingerprints: [other])))
        #expect(driver.actions() == ["close ue"])
        #expect(driver.machine["c"]?.leg != nil)
        driver.machine.closed(try driver.id("ue"), reason: "closed", now: driver.now)
        try driver.accept("new", on: "a", from: ContextDriver.ue)
        #expect(driver.actions() == ["handshake new"])
    }

    @Test("A lost leg is notified once, on the side that went first; the other is finished")
    func lost() throws {
        for halfFirst in [false, true] {
            var driver = ContextDriver()
            try driver.add("a", ContextDriver.request(.access, "TCP", remote: ContextDriver.remote(ContextDriver.ue)))
            try driver.add("c", ContextDriver.request(.core, "TCP", remote: ContextDriver.remote(ContextDriver.peer)))
            try driver.accept("ue", on: "a", from: ContextDriver.ue)
            try driver.accept("peer", on: "c", from: ContextDriver.peer)
            _ = driver.actions()
            if halfFirst {
                driver.machine.halfClosed(try driver.id("ue"), now: driver.now)
                driver.machine.closed(try driver.id("peer"), reason: "end", now: driver.now)
                #expect(driver.actions() == ["notify a released", "finish ue"])
            } else {
                driver.machine.closed(try driver.id("ue"), reason: "reset", now: driver.now)
                #expect(driver.actions() == ["notify a released", "finish peer"])
                driver.machine.closed(try driver.id("peer"), reason: "end", now: driver.now)
            }
            driver.advance(.seconds(60))
            #expect(driver.actions().filter { $0.hasPrefix("notify") }.isEmpty)
        }
    }

    @Test("A leg stays half closed for 5 s at most")
    func halfClosed() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP", remote: ContextDriver.remote(ContextDriver.ue)))
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        _ = driver.actions()
        driver.machine.halfClosed(try driver.id("ue"), now: driver.now)
        driver.advance(.seconds(5))
        #expect(driver.actions() == ["notify a released", "close ue"])
    }

    @Test("Subtract closes everything of the termination at once and leaves the other alone")
    func subtract() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP", remote: ContextDriver.remote(ContextDriver.ue)))
        try driver.add("c", ContextDriver.request(.core, "TCP"))
        try driver.accept("ue", on: "a", from: ContextDriver.ue)
        try driver.accept("held", on: "c", from: ContextDriver.peer)
        _ = driver.actions()
        try driver.machine.subtract("c")
        #expect(driver.actions() == ["close held"])
        try driver.machine.subtract("a")
        #expect(driver.actions() == ["close ue"])
        #expect(driver.machine.terminations.isEmpty && driver.machine.nextDeadline == nil)
        #expect(throws: GatewayFailure.self) { try driver.machine.subtract("a") }
    }
}
