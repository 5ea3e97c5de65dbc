import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import SDP
import SIP
import WireSyntax

@testable import ProxyCSCF

/// Messages and values that the tests of this module share.
enum Fixtures {
    static let ueFlow = Flow(
        transport: .tls, local: Endpoint("127.1.0.1:5061")!, remote: Endpoint("127.4.0.1:40000")!, connection: 7)
    static let otherFlow = Flow(
        transport: .tls, local: Endpoint("127.1.0.1:5061")!, remote: Endpoint("127.4.0.2:40000")!, connection: 8)
    static let plainFlow = Flow(
        transport: .tcp, local: Endpoint("127.1.0.1:5060")!, remote: Endpoint("127.4.0.1:40000")!, connection: 9)
    static let coreFlow = Flow(
        transport: .tcp, local: Endpoint("127.1.0.1:6000")!, remote: Endpoint("127.2.0.1:5060")!, connection: 3)
    static let own = OwnAddresses(
        gm: [.tls: Endpoint("127.1.0.1:5061")!, .tcp: Endpoint("127.1.0.1:5060")!], mw: Endpoint("127.1.0.1:6000")!)
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    static func uri(_ text: String) -> URI { (try? URI(text)) ?? .other(scheme: "bad", rest: text) }

    static func registration(u: Bool = true, n: Bool = true) -> Registration {
        Registration(
            token: "regtoken", flow: ueFlow,
            contacts: [.init(uri: uri("sip:u@127.4.0.1:40000;transport=tls"), expires: start + .hours(1))],
            addressOfRecord: uri("sip:a@ims.lab"), callID: "reg@127.4.0.1",
            identities: [uri("sip:a@ims.lab"), uri("sip:a2@ims.lab")],
            serviceRoute: ["<sip:orig@127.2.0.1:5060;transport=tcp;lr>"], indications: Indications(ue: u, network: n),
            agreement: SecurityAgreement(
                client: [.messageSessionTLS], server: u && n ? [.messageSessionTLS] : []))
    }

    // MARK: SDP

    static let fingerprint = "SHA-256 " + Array(repeating: "A1", count: 32).joined(separator: ":")

    static func lines(_ media: [String], _ address: String) -> String {
        (["v=0", "o=- 7 1 IN IP4 \(address)", "s=-", "c=IN IP4 \(address)", "t=0 0"] + media).map { $0 + "\r\n" }
            .joined()
    }

    /// A UE's K2, or its answer to an e2ae offer.
    static func secure(setup: String = "actpass", requested: Bool = true) -> String {
        lines(
            [
                "m=message 7000 TCP/TLS/MSRP *", "a=accept-types:text/plain", "a=path:msrps://127.4.0.1:7000/ue;tcp",
                "a=setup:\(setup)", "a=fingerprint:\(fingerprint)",
            ] + (requested ? ["a=3ge2ae:requested"] : []), "127.4.0.1")
    }

    static func plain(setup: String = "actpass", address: String = "127.5.0.1") -> String {
        lines(
            [
                "m=message 4000 TCP/MSRP *", "a=accept-types:text/plain", "a=path:msrp://\(address):4000/far;tcp",
                "a=setup:\(setup)",
            ], address)
    }

    // MARK: SIP

    /// A request as the transport hands it up: the sender's Via on top.
    static func request(
        _ method: Method, uri: String = "sip:b@ims.lab", from: String = "<sip:a@ims.lab>;tag=caller",
        to: String = "<sip:b@ims.lab>", cSeq: Int = 1, contact: String? = nil, body: String = "",
        type: String = "application/sdp", headers: [(HeaderName, String)] = []
    ) -> Request {
        var fields = Headers()
        fields.append(.via, "SIP/2.0/TLS 127.4.0.1:40000;branch=z9hG4bK\(method)\(cSeq)")
        fields.append(.maxForwards, "70")
        fields.append(.from, from)
        fields.append(.to, to)
        fields.append(.callID, "call@127.4.0.1")
        fields.append(.cSeq, "\(cSeq) \(method)")
        if let contact { fields.append(.contact, contact) }
        for (name, value) in headers {
            if name == .maxForwards { fields.set(name, to: value) } else { fields.append(name, value) }
        }
        if !body.isEmpty { fields.append(.contentType, type) }
        return Request(method: method, uri: Self.uri(uri), headers: fields, body: ByteBuffer(string: body))
    }
}

extension Headers {
    var toTag: String? { (try? to())?.tag }
}

extension Message {
    var text: String {
        var octets = ByteBuffer()
        write(into: &octets)
        return String(buffer: octets)
    }
}
