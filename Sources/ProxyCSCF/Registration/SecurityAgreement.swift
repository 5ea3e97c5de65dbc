import SIP

/// What a UE and this P-CSCF have told each other of security in REGISTER and its responses (RFC 3329, TS 24.229 §7.2A.7; media-security.md 2).
///
/// ```
///   UE                                          P-CSCF (Gm is TLS)
///    | REGISTER  Security-Client: msrp-tls;mediasec  |   `client` noted
///    | <-- 401   Security-Server: msrp-tls;mediasec  |   `server` noted: sent only over protected Gm and while a capable gateway is there
///    | REGISTER  Security-Client: msrp-tls;mediasec  |   must equal `client` (A2)
///    |           Security-Verify: msrp-tls;mediasec  |   must equal `server`, otherwise 494
///    | <-- 200   Security-Server: msrp-tls;mediasec  |   U = client, N = server: the indications of this registration
/// ```
///
/// A UE may list signalling mechanisms beside: `tls` is answered where Gm is served over TLS, `ipsec-3gpp` is understood and never listed. Who lists one
/// negotiates with the option tag `sec-agree`, and is then held to Security-Verify in every request.
struct SecurityAgreement: Hashable, Sendable {
    /// As in the first REGISTER of this exchange.
    var client: [SecurityMechanism?]
    /// The last list that went to this UE; empty if none ever did.
    var server: [SecurityMechanism] = []
    /// The UE negotiates signalling security: `sec-agree` stood in Require or Proxy-Require.
    var negotiates = false

    enum Fault: Hashable, Sendable {
        /// Security-Verify is not the list that was sent, or is missing though the UE negotiates: 494.
        case verifyMismatch
        /// Security-Client has changed between the first REGISTER and the one with credentials: 494.
        case clientMismatch
        /// RFC 3329 §2.3.1: a signalling mechanism is negotiated without the option tag: 421.
        case tagMissing
        /// RFC 3329 §2.3.2: the option tag stands in Supported alone: 494.
        case tagSupported

        var status: Int { self == .tagMissing ? 421 : 494 }
    }

    /// Judges the second REGISTER of an exchange against what was said in the first.
    func fault(inSecondRegister headers: Headers) -> Fault? {
        let list = SecurityMechanism.list(headers, .securityClient)
        if list != client { return .clientMismatch }
        return verifyFault(in: headers, isRequired: !list.isEmpty)
    }

    /// Judges a request other than REGISTER. ACK and CANCEL are never refused (RFC 3329 §2.6).
    func fault(in headers: Headers) -> Fault? {
        if let fault = verifyFault(in: headers, isRequired: negotiates) { return fault }
        return negotiates && !server.isEmpty && !headers.requiresSecurityAgreement ? .tagMissing : nil
    }

    /// Security-Verify against the list that was sent.
    ///
    /// - Parameter isRequired: whether it may not be missing where a list was sent.
    func verifyFault(in headers: Headers, isRequired: Bool) -> Fault? {
        guard headers.contains(.securityVerify) else { return isRequired && !server.isEmpty ? .verifyMismatch : nil }
        return SecurityMechanism.list(headers, .securityVerify) == server.map { Optional($0) } ? nil : .verifyMismatch
    }

    /// Judges Security-Client against the option tags of its own message.
    static func tagFault(in headers: Headers) -> Fault? {
        guard SecurityMechanism.list(headers, .securityClient).contains(where: { $0?.isSignalling == true }),
            !headers.requiresSecurityAgreement
        else { return nil }
        return headers.tokens(.supported).contains("sec-agree") ? .tagSupported : .tagMissing
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
    /// Gm is served over TLS: a UE that negotiates signalling security may be told.
    var servesTLS = false

    func isProtected(_ flow: Flow) -> Bool { flow.transport == .tls || allowUnprotected }

    /// What goes to a UE on this flow as Security-Server. It does not depend on the UE's list (RFC 3329 §2.3.1), only on whether it negotiates at all:
    /// with TLS chosen by configuration there is nothing to negotiate but media.
    func offer(on flow: Flow, negotiates: Bool) -> [SecurityMechanism] {
        (negotiates && servesTLS ? [.tls] : [])
            + (gatewayCapable && isProtected(flow) ? [.messageSessionTLS] : [])
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

    /// `sec-agree` in Require or Proxy-Require.
    var requiresSecurityAgreement: Bool {
        tokens(.require).contains("sec-agree") || tokens(.proxyRequire).contains("sec-agree")
    }
}
