import NIOCore
import SIP
import Testing
import WireSyntax

/// What a parser makes of the torture messages: form only. What a well-formed one means (483, 420, 416, …) is the business of the layers above.
struct TortureTests {
    @Test(
        "RFC 4475 3.1.1, 3.2, 3.3, 3.4: well-formed",
        arguments: [
            "wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "dblreq", "semiuri", "transports",
            "mpart01", "unreason", "noreason", "badbranch", "unkscm", "novelsc", "unksm2", "bext01", "invut",
            "regaut01",
            "bcast", "zeromf", "cparam01", "cparam02", "regescrt", "sdp01", "inv2543",
        ])
    func wellFormed4475(name: String) throws {
        let message = try Message(datagram: try fixture("rfc4475/" + name))
        // What is written is the same message again.
        #expect(try Message(datagram: message.encoded()).body == message.body)
    }

    @Test(
        "RFC 4475 3.1.2, 3.3.1: malformed, and where (baddn has no empty line in the archive)",
        arguments: [
            ("badinv01", "Via"), ("clerr", "Content-Length"), ("ncl", "Content-Length"), ("scalar02", "CSeq"),
            ("scalarlg", "CSeq"), ("quotbal", "To"), ("ltgtruri", "Request-URI"), ("lwsruri", "Request-URI"),
            ("lwsstart", "Request-URI"), ("trws", "start-line"), ("escruri", "Request-URI"), ("baddate", "Date"),
            ("regbadct", "Contact"), ("badaspec", "To"), ("baddn", nil), ("badvers", "start-line"),
            ("mismatch01", "CSeq"), ("mismatch02", "CSeq"), ("bigcode", "start-line"), ("insuf", "From"),
            ("multi01", nil), ("mcl01", "Content-Length"),
        ] as [(String, String?)])
    func malformed4475(name: String, field: String?) throws {
        let octets = try fixture("rfc4475/" + name)
        guard case .failure(let malformed) = Message.read(datagram: octets) else {
            Issue.record("\(name) was accepted")
            return
        }
        if let field { #expect(malformed.error.field == field, "\(malformed.error)") }
        #expect(malformed.error.offset <= octets.readableBytes)
        #expect(malformed.status == (name == "badvers" ? 505 : 400))
    }

    @Test(
        "RFC 5118 4.1, 4.10: IPv6, well-formed",
        arguments: [
            "ipv6-good", "port-ambiguous", "port-unambiguous", "via-received-param-with-delim",
            "via-received-param-no-delim", "ipv6-in-sdp", "mult-ip-in-header", "mult-ip-in-sdp", "ipv4-mapped-ipv6",
            "ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons",
        ])
    func wellFormed5118(name: String) throws {
        let message = try Message(datagram: try fixture("rfc5118/" + name))
        #expect(try Message(datagram: message.encoded()).startLine == message.startLine)
    }

    @Test("RFC 5118 4.2: an IPv6 address without brackets is malformed")
    func malformed5118() throws {
        #expect(throws: SyntaxError.self) { try Message(datagram: try fixture("rfc5118/ipv6-bad")) }
    }

    @Test("RFC 5118 4.5: received with and without brackets is the same address")
    func received() throws {
        for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
            let message = try Message(datagram: try fixture("rfc5118/" + name))
            #expect(try message.headers.topVia().received == IPAddress("2001:db8::9:255"))
        }
    }

    @Test("RFC 4475 3.1.1.1: the tortuous INVITE is read as it is meant")
    func tortuous() throws {
        let message = try Message(datagram: try fixture("rfc4475/wsinv"))
        let headers = message.headers
        #expect(try headers.to().tag == "1918181833n")
        #expect(try headers.from().displayName == "J Rosenberg \\\"")
        #expect(try headers.from().tag == "98asjd8")
        #expect(headers.maxForwards == 68)
        #expect(try headers.cSeq() == CSeq(number: 9, method: .invite))
        let vias = try headers.vias()
        #expect(vias.map(\.branch) == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"])
        #expect(vias.map(\.transport) == ["UDP", "TCP", "UDP"])
        #expect(headers[.subject] == "")
        #expect(headers["NewFangledHeader"] == "newfangled value continued newfangled value")
        #expect(headers["UnknownHeaderWithUnusualValue"] == ";;,,;;,;")
        #expect(try headers.routes(.route).first?.uri.sip?.isLooseRouter == true)
        let contact = try #require(try headers.contacts().first)
        #expect(contact.displayName == "Quoted string \"\"")
        #expect(contact.parameters.value("newparam") == "newvalue")
        #expect(contact.parameters.value("q") == "0.33")
    }

    @Test("RFC 4475 3.1.1.2: the wide range of valid characters")
    func wideRange() throws {
        let message = try Message(datagram: try fixture("rfc4475/intmeth"))
        let request = try #require(message.request)
        #expect(request.method.rawValue == "!interesting-Method0123456789_*+`.%indeed'~")
        #expect(request.uri.sip?.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
        #expect(request.uri.sip?.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
        #expect(try request.headers.to().displayName == "BEL:\u{7} NUL:\u{0} DEL:\u{7F}")
    }

    @Test("RFC 4475 3.1.1.8: octets behind Content-Length are ignored")
    func doubleRequest() throws {
        let message = try Message(datagram: try fixture("rfc4475/dblreq"))
        #expect(message.request?.method == .register)
        #expect(message.body.readableBytes == 0)
    }

    @Test("RFC 4475 3.3.12, 3.3.13: parameters of the header and of the URI")
    func contactParameters() throws {
        let header = try Message(datagram: try fixture("rfc4475/cparam01")).headers.contacts()
        #expect(header.first?.parameters.has("unknownparam") == true)
        #expect(header.first?.uri.sip?.parameters.has("unknownparam") == false)
        let uri = try Message(datagram: try fixture("rfc4475/cparam02")).headers.contacts()
        #expect(uri.first?.parameters.has("unknownparam") == false)
        #expect(uri.first?.uri.sip?.parameters.has("unknownparam") == true)
    }

    /// Reads it; if that succeeds, what is written must read back the same.
    private func readBack(_ octets: [UInt8]) {
        guard case .success(let message) = Message.read(datagram: ByteBuffer(bytes: octets)) else { return }
        guard case .success(let again) = Message.read(datagram: message.encoded()) else {
            Issue.record("cannot be read again: \(String(decoding: octets, as: UTF8.self).debugDescription)")
            return
        }
        #expect(again.startLine == message.startLine && again.body == message.body)
        let values = { (message: Message) in
            message.headers.fields.filter { $0.name != .contentLength }.map { "\($0.spelling)=\($0.value)" }
        }
        #expect(values(again) == values(message))
    }

    @Test("A damaged torture message ends no process, and what is accepted reads back the same", arguments: ["wsinv"])
    func damaged(name: String) throws {
        let octets = Array(try fixture("rfc4475/" + name).readableBytesView)
        for index in octets.indices {
            for octet: UInt8 in [0x20, 0x22, 0x5C] {
                var copy = octets
                copy[index] = octet
                readBack(copy)
            }
        }
    }
}
