import ApplicationLevelGateway
import H248
import IqProfile
import NIOCore
import SDP
import Testing
import WireSyntax

@Suite("iq-h248 3.3, 10: procedures as descriptors")
struct MappingTests {
    private let mapping = CommandMapping()

    private func text(_ descriptors: [Descriptor], _ form: TokenForm = .long) -> String {
        let command = CommandRequest(.add, mapping.provisional.terminationToChoose, descriptors)
        let message = Message(
            version: 2, sender: .device("mgc"),
            body: .transactions([
                .request(TransactionRequest(id: 1, actions: [ActionRequest(.choose, commands: [command])]))
            ]))
        return String(buffer: message.encoded(form: form))
    }

    @Test("an access termination as the example of the fact sheet writes it")
    func access() throws {
        let fingerprint = Fingerprint(hash: .sha256, octets: Array(repeating: 0x3F, count: 32))
        let request = TerminationRequest(
            realm: .access, transport: MediaTransport(isTLS: true, isAware: true),
            local: LocalRequest(family: .v4, role: .passive, fingerprintHashes: [.sha256]),
            remote: RemoteDescription(
                address: Host("198.51.100.7"), port: 9, setup: .active, fingerprints: [fingerprint]),
            heartbeat: .seconds(600))
        let expected = """
            MEGACO/2 mgc
            Transaction = 1 { Context = $ { Add = ip/1/$/$ { Media { Stream = 1 { \
            LocalControl { Mode = SendReceive, ipdc/realm = "access" }, Local {
            v=0
            c=IN IP4 $
            m=message $ TCP/TLS/MSRP *
            a=setup:passive
            a=fingerprint:SHA-256 $
            }, Remote {
            v=0
            c=IN IP4 198.51.100.7
            m=message 9 TCP/TLS/MSRP *
            a=setup:active
            a=fingerprint:SHA-256 \(fingerprint.hexadecimal)
            } } }, Events = 10 { hangterm/thb { timerx = 600 }, g/cause } } } }
            """
        let written = String(decoding: text(try mapping.add(request, id: 10)).utf8.filter { $0 != 0x0D }, as: UTF8.self)
        #expect(written == expected)
    }

    @Test(
        "iq-h248 10, Reply to Add: on reception bare LF, a leading line break and a trailing empty line",
        arguments: [
            "v=0\r\nc=IN IP4 127.0.0.1\r\nm=message 7000 TCP *\r\n",
            "\nv=0\nc=IN IP4 127.0.0.1\nm=message 7000 TCP *\n\n",
            "v=0\nc=IN IP4 127.0.0.1\nm=message 7000 TCP *",
            "\r\n\r\nv=0\rc=IN IP4 127.0.0.1\rm=message 7000 tcp *\r  \r",
            "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\nc=in ip4 127.0.0.1\nm=MESSAGE 7000 TCP *\nb=AS:5\na=x\n",
        ])
    func tolerant(text: String) throws {
        let local = try LocalDescription(octets: ByteBuffer(string: text))
        #expect(local.endpoint == Endpoint("127.0.0.1:7000") && local.role == .passive && local.path == nil)
    }

    @Test(
        "hostile SDP is an error, never more",
        arguments: [
            ("x", 474), ("=", 474), ("a=", 474), ("c=IN IP4", 474), ("c=IN IP4 ::1", 474), ("c=IN IP6 127.0.0.1", 474),
            ("c=IN IP7 $", 474), ("m=message 70000 TCP *", 474), ("m=message -1 TCP *", 474),
            ("m=message 1 SCTP *", 449),
            ("a=setup:sideways", 474), ("a=fingerprint:SHA-256 zz", 474), ("a=fingerprint:", 474),
            ("m=message 1 TCP *\nm=message 1 TCP *", 449), ("c=IN IP4 $\nm=message 1 TCP *", 474), ("", 474),
            (String(repeating: "a=x\n", count: 65), 474), (String(repeating: "a=path:x\n", count: 9), 474),
            (String(repeating: "a=fingerprint:SHA-256 $\n", count: 17), 474),
        ])
    func hostile(text: String, code: Int) {
        do throws(ErrorDescriptor) {
            _ = try LocalDescription(octets: ByteBuffer(string: text))
            Issue.record("accepted")
        } catch {
            #expect(Int(error.code.rawValue) == code, "\(error)")
        }
    }

    @Test(
        "iq-h248 10, Failure events: the first that was asked for, Generalcause by the fault",
        arguments: [
            (
                TerminationEvent.tlsFailed(reason: "the certificate does not match"), "FP",
                "TLS: the certificate does not match"
            ),
            (.tlsFailed(reason: "fingerprint mismatch"), "FP", "TLS: fingerprint mismatch"),
            (.tlsFailed(reason: "not TLS"), "FT", "TLS: not TLS"),
            (.tcpFailed(reason: "no TCP connection in time"), "FT", "TCP: no TCP connection in time"),
            (.released(reason: "closed"), "NR", "closed"),
        ])
    func causes(event: TerminationEvent, general: String, cause: String) throws {
        var subscription = EventSubscription(id: .number(1))
        #expect(mapping.events.observed(event, subscription) == nil)
        subscription.cause = true
        let observed = try #require(mapping.events.observed(event, subscription))
        #expect(observed.name == "g/cause" && observed["Generalcause"]?.text == general)
        #expect(observed["Failurecause"] == Value(quoted: cause))
        #expect(mapping.events.event(observed) == event)
        subscription.tls = true
        subscription.tcp = true
        let own = try #require(mapping.events.observed(event, subscription))
        let expected =
            switch event {
            case .tlsFailed:
                ItemName(package: mapping.provisional.tlsPackage, item: mapping.provisional.connectionEvent)
            case .tcpFailed:
                ItemName(package: mapping.provisional.tcpPackage, item: mapping.provisional.connectionEvent)
            default: ItemName(stringLiteral: "g/cause")
            }
        #expect(own.name == expected)
    }

    @Test("U6, H.248.1 E.1, E.2: the packages of connections are in the table only when they are switched on")
    func packages() {
        let names = PackageTable().items.map(\.description)
        #expect(names == ["g-1", "root-2", "ipnapt-1", "gm-2", "tman-1", "ipdc-1", "hangterm-1", "ds-2"])
        var provisional = ProvisionalValues()
        provisional.usesConnectionPackages = true
        let all = PackageTable(provisional).items
        #expect(
            all.map(\.name).suffix(3) == [
                provisional.tcpPackage, provisional.tlsPackage, provisional.interlinkagePackage,
            ])
        #expect(Set(PackageTable(provisional).packages.map(\.id)).count == all.count)
    }
}
