import SIP

/// What may not cross between a UE and the trust domain (RFC 3325 §5 and §7, TS 24.229 §5.2.6).
enum Hygiene {
    /// Headers that only the trust domain sets: a UE that sends them is not believed (A12).
    static let asserted: [HeaderName] = [
        "P-Asserted-Identity", "P-Preferred-Identity", "P-Asserted-Service", "P-Charging-Vector",
        "P-Charging-Function-Addresses", "P-Called-Party-ID", "P-Served-User", "P-Visited-Network-ID", "P-Profile-Key",
        "P-Early-Media", "P-User-Database", "P-Private-Network-Indication", "P-Associated-URI", "Path", "Service-Route",
        "Feature-Caps", "Additional-Identity",
    ]

    /// Headers of the trust domain that a UE has no use for.
    static let internalOnly: [HeaderName] = [
        "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Served-User", "P-Profile-Key", "P-User-Database",
        "P-Private-Network-Indication", "P-Visited-Network-ID",
    ]

    /// A message of a UE on its way to the core, with the identity that the registration vouches for.
    static func clean(fromUE headers: inout Headers, asserting identity: URI?) {
        for name in asserted { headers.remove(name) }
        headers.removeSecurityAgreement()
        if let identity { headers.append("P-Asserted-Identity", "<\(identity)>") }
    }

    /// A message of the core on its way to a UE. RFC 3325 §7: with Privacy `id` the asserted identity stays inside.
    static func clean(fromCore headers: inout Headers) {
        for name in internalOnly { headers.remove(name) }
        headers.removeSecurityAgreement()
        let privacy = headers.values("Privacy").flatMap { $0.split(whereSeparator: { ";, ".contains($0) }) }
        if privacy.contains(where: { $0.lowercased() == "id" }) { headers.remove("P-Asserted-Identity") }
    }

    /// TS 24.229 §5.2.6.4: Via and Record-Route of a UE's response are those of the request that it answers, whatever it wrote there: neither where
    /// the response goes nor where later requests go is the UE's to say (A10).
    ///
    /// - Parameters:
    ///   - request: headers as they were received from the core.
    ///   - ownRoute: this proxy's Record-Route value as the core sees it, where it recorded itself and the UE gave the list back.
    static func restorePath(of response: inout Headers, from request: Headers, ownRoute: String?) {
        response.remove(.via)
        for via in request.values(.via).reversed() { response.prepend(.via, via) }
        response.remove(.recordRoute)
        guard let ownRoute else { return }
        response.append(.recordRoute, ownRoute)
        for value in request.values(.recordRoute) { response.append(.recordRoute, value) }
    }

    /// The option tags of Proxy-Require that this proxy does not know: 420 (RFC 3261 §16.3 step 5). `mediasec` and `sec-agree` never are (U8).
    static func unsupportedTags(_ headers: Headers) -> [String] {
        headers.list(.proxyRequire).filter { !["sec-agree", "mediasec", "path", "privacy"].contains($0.lowercased()) }
    }
}
