import H248
import NIOCore
import Testing
import WireSyntax

@Suite("RFC 3525 Annex B.2: text encoding")
struct RoundTripTests {
    @Test(
        "RFC 3525 7.1, 7.1.4, 7.1.7, 7.1.9, 7.1.11, 8.3, B.1, B.2, Appendix I: each message in both token forms and back",
        arguments: AppendixI.wellFormed, TokenForm.allCases)
    func roundTrip(text: String, form: TokenForm) throws {
        let message = try Message(decoding: ByteBuffer(string: text))
        let again = try Message(decoding: message.encoded(form: form))
        // One example's SDP ends without a line end, which every written one has.
        #expect(again.encoded(form: form) == message.encoded(form: form))
        #expect(try Message(decoding: again.encoded(form: .long)) == again)
    }

    @Test("iq-h248 3.3: our own access termination")
    func accessTermination() throws {
        let text = """
            MEGACO/2 [192.0.2.10]:2944
            Transaction = 4711 { Context = $ { Add = ip/1/$/$ { Media { Stream = 1 {
              LocalControl { Mode = SendReceive, ipdc/realm = "access" },
              Local { v=0
            c=IN IP4 $
            m=message $ TCP/TLS/MSRP *
            a=setup:passive
            a=fingerprint:SHA-256 $
              },
              Remote { v=0
            c=IN IP4 198.51.100.7
            m=message 9 TCP/TLS/MSRP *
            a=setup:active
              } } },
              Events = 10 { hangterm/thb { timerx = 600 }, g/cause } } } }
            """
        let message = try Message(decoding: ByteBuffer(string: text))
        #expect(message.version == 2)
        guard case .transactions(let items) = message.body, case .request(let request)? = items.first else {
            Issue.record("no request")
            return
        }
        #expect(request.id == 4711)
        #expect(request.actions.first?.context == .choose)
        let command = try #require(request.actions.first?.commands.first)
        #expect(command.kind == .add && command.termination == "ip/1/$/$")
        guard case .media(let media)? = command.descriptors.first else {
            Issue.record("no media")
            return
        }
        #expect(media.streams.first?.localControl?.mode == .sendReceive)
        #expect(media.streams.first?.localControl?.properties == [Property("ipdc/realm", Value(quoted: "access"))])
        let local = try #require(media.streams.first?.local)
        #expect(
            String(buffer: local)
                == "v=0\nc=IN IP4 $\nm=message $ TCP/TLS/MSRP *\na=setup:passive\na=fingerprint:SHA-256 $\n")
        guard case .events(let events)? = command.descriptors.last else {
            Issue.record("no events")
            return
        }
        #expect(events.id == .number(10))
        #expect(events.events.map(\.name) == ["hangterm/thb", "g/cause"])
        #expect(events.events.first?.parameters == [Parameter("timerx", Value(600 as UInt32))])
        #expect(message.trace.summary == "Transaction 4711: Add ip/1/$/$")
    }

    @Test("long and short tokens mixed, any case, comments, folding")
    func mixed() throws {
        let long = """
            MEGACO/1 [192.0.2.1]:2944 Transaction = 1 { Context = 7 {
              Modify = ip/1/1/1 { Media { TerminationState { ServiceStates = InService, Buffer = OFF },
                Stream = 1 { LocalControl { Mode = Inactive, ReservedValue = ON } } }, Signals { } } } }
            """
        let short = """
            ;comment { } "
             !/1\t[192.0.2.1]:2944;another
             t=1{C=7{\r\n mf = IP/1/1/1{ m {ts{si=iv , bf=off},\r\r stream =1{ o{ mo=in,rV=on}}},SG{}}}}
            """
        let one = try Message(decoding: ByteBuffer(string: long))
        #expect(try Message(decoding: ByteBuffer(string: short)) == one)
    }

    @Test("A7: an SDP value with } or a final \\ cannot end an H.248 descriptor", arguments: TokenForm.allCases)
    func escaping(form: TokenForm) throws {
        for evil in [
            "a=x }, Remote { v=0\r\n", "v=0\r\na=path:msrp://h:1/}}}};tcp\r\n", "a=x\\", "a=x\\\r\n", "\\}", "}", "\\",
            "a\\\\}",
            "v=0\r\na=x}\\", "}\\}\\",
        ] {
            let stream = StreamDescriptor(
                id: 1, localControl: LocalControlDescriptor(mode: .sendReceive),
                local: ByteBuffer(string: evil), remote: ByteBuffer(string: "v=0\r\n"))
            let message = Message(
                version: 2, sender: .address(.v4(0x7F000001), port: 2944),
                body: .transactions([
                    .request(
                        TransactionRequest(
                            id: 9,
                            actions: [
                                ActionRequest(
                                    .choose,
                                    commands: [
                                        CommandRequest(.add, .choose, [.media(MediaDescriptor(streams: [stream]))])
                                    ])
                            ]))
                ]))
            let again = try Message(decoding: message.encoded(form: form))
            guard case .transactions(let items) = again.body, items.count == 1,
                case .request(let request)? = items.first,
                case .media(let media)? = request.actions.first?.commands.first?.descriptors.first,
                let local = media.streams.first?.local
            else {
                Issue.record("\(evil) changed the message: \(again)")
                continue
            }
            #expect(request.actions.count == 1 && request.actions[0].commands.count == 1)
            #expect(request.actions[0].commands[0].descriptors.count == 1)
            #expect(
                media.streams == [
                    StreamDescriptor(id: 1, localControl: stream.localControl, local: local, remote: stream.remote)
                ])
            let expected = evil.hasSuffix("\r\n") ? evil : evil + "\r\n"
            #expect(String(buffer: local) == expected)
        }
    }
}
