import SIP

/// What a UE and this P-CSCF have told each other of media plane security in REGISTER and its responses (TS 24.229 §7.2A.7; media-security.md 2).
///
/// ```
///   UE                                          P-CSCF (Gm is TLS)
///    | REGISTER  Security-Client: msrp-tls;mediasec  |   `client` noted
///    | <-- 401   Security-Server: msrp-tls;mediasec  |   `server` noted: sent only over protected Gm and while a capable gateway is there
///    | REGISTER  Security-Client: msrp-tls;mediasec  |   must equal `client` (A2)
///    |           Security-Verify: msrp-tls;mediasec  |   must equal `server`, otherwise 494
///    | <-- 200   Security-Server: msrp-tls;mediasec  |   U = client, N = server: the indications of this registration
/// ```
struct SecurityAgreement: Hashable, Sendable {
    /// As in the first REGISTER of this exchange.
    var client: [SecurityMechanism?]
    /// The last list that went to this UE; empty if none ever did.
    var server: [SecurityMechanism] = []

    enum Fault: Hashable, Sendable {
        /// Security-Verify is not the list that was sent, or is missing though the UE negotiates.
        case verifyMismatch
        /// Security-Client has changed between the first REGISTER and the one with credentials.
        case clientMismatch
    }

    /// Judges the second REGISTER of an exchange, or any later request with Security-Verify, against what was said before.
    func fault(in headers: Headers, isRegister: Bool) -> Fault? {
        let verify = SecurityMechanism.list(headers, .securityVerify)
        if isRegister, SecurityMechanism.list(headers, .securityClient) != client { return .clientMismatch }
        if verify.isEmpty {
            let negotiates = client.contains { $0?.isMedia == true }
            return isRegister && negotiates && !server.isEmpty ? .verifyMismatch : nil
        }
        return verify == server.map { Optional($0) } ? nil : .verifyMismatch
    }

    /// U: the UE can do e2ae for MSRP.
    var clientIndicates: Bool { client.contains { $0?.indicatesMessageSessionTLS == true } }

    /// N: the UE has been told that the network can.
    var serverIndicates: Bool { server.contains { $0.indicatesMessageSessionTLS } }
}

/// U and N of one registration (media-security.md 4).
struct Indications: Hashable, Sendable {
    /// U: the UE indicated `msrp-tls` over protected Gm.
    var ue: Bool
    /// N: the P-CSCF indicated it in this registration.
    var network: Bool

    static let none = Indications(ue: false, network: false)
}

/// Which Gm carries indications, and whether there is a gateway to make them true.
struct SecurityContext: Hashable, Sendable {
    /// A gateway that can do e2ae is registered.
    var gatewayCapable: Bool
    /// `gm.allowUnprotected`: indications over UDP and TCP too. Off: RFC 8122 §7, fingerprints are worth no more than the SDP's integrity.
    var allowUnprotected: Bool

    func isProtected(_ flow: Flow) -> Bool { flow.transport == .tls || allowUnprotected }

    /// What goes to a UE on this flow as Security-Server.
    func offer(on flow: Flow) -> [SecurityMechanism] {
        gatewayCapable && isProtected(flow) ? [.messageSessionTLS] : []
    }
}

extension Headers {
    /// RFC 3329 §2.3.1: the Security-* headers and the option tags end at the P-CSCF. `mediasec` is accepted as a tag wherever it comes (U8).
    mutating func removeSecurityAgreement() {
        for name in [HeaderName.securityClient, .securityServer, .securityVerify] { remove(name) }
        for name in [HeaderName.require, .proxyRequire] where contains(name) {
            let rest = list(name).filter { !["sec-agree", "mediasec"].contains($0.lowercased()) }
            remove(name)
            if !rest.isEmpty { append(name, rest.joined(separator: ", ")) }
        }
    }

    mutating func appendSecurityServer(_ mechanisms: [SecurityMechanism]) {
        for mechanism in mechanisms { append(.securityServer, "\(mechanism)") }
    }
}
