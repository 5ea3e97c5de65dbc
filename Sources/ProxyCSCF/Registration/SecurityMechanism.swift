import SIP

/// One entry of Security-Client, Security-Server or Security-Verify (RFC 3329 §2.2), with the `mediasec` parameter of TS 24.229 §7.2A.7 where it names a
/// media plane mechanism.
///
/// `msrp-tls;mediasec` says: end-to-access-edge security of MSRP with TLS and fingerprints. Without the parameter an entry is a signalling mechanism:
/// `tls`, `digest`, `ipsec-3gpp;alg=hmac-sha-1-96;spi-c=…;port-s=…`. Left out by name: `ipsec-3gpp`, which needs IPsec in the kernel and AKA keys at
/// this function; it is read like any other, and no list of this P-CSCF names it.
struct SecurityMechanism: Hashable, Sendable, CustomStringConvertible {
    /// Lower case: names are compared without regard to case.
    let name: String
    /// `name` or `name=value`, lower case, sorted: the order of parameters has no meaning.
    let parameters: [String]

    /// Signalling over TLS.
    static let tls = SecurityMechanism(name: "tls", parameters: [])
    static let messageSessionTLS = SecurityMechanism(name: "msrp-tls", parameters: ["mediasec"])

    /// Most entries that are read of a message; more is not an agreement but a flood.
    static let maximumEntries = 16

    init(name: String, parameters: [String]) {
        self.name = name
        self.parameters = parameters
    }

    init?(_ text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map { part in
            part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map { $0.trimmed }.joined(separator: "=").lowercased()
        }
        guard let name = parts.first, !name.isEmpty, !name.contains(where: { $0 == " " || $0 == "=" }) else {
            return nil
        }
        self.name = name
        parameters = parts.dropFirst().filter { !$0.isEmpty }.sorted()
    }

    var isMedia: Bool { parameters.contains { $0 == "mediasec" || $0.hasPrefix("mediasec=") } }

    /// A mechanism of RFC 3329 §2.2, or `ipsec-3gpp`, for signalling; other names without `mediasec` are ignored (open-points U12).
    var isSignalling: Bool {
        !isMedia && ["digest", "tls", "ipsec-ike", "ipsec-man", "ipsec-3gpp"].contains(name)
    }

    /// Whether the entry says that its sender can do e2ae for MSRP; further parameters do not matter (open-points U12).
    var indicatesMessageSessionTLS: Bool { isMedia && name == Self.messageSessionTLS.name }

    var description: String { ([name] + parameters).joined(separator: ";") }

    /// All entries of a header, one field each or several in a comma list, in order. Unreadable ones are nil, so that they can not match anything.
    static func list(_ headers: Headers, _ name: HeaderName) -> [SecurityMechanism?] {
        headers.list(name).prefix(maximumEntries + 1).map { SecurityMechanism($0) }
    }
}

extension Substring {
    /// Without white space at either end.
    var trimmed: Substring {
        let space: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let first = firstIndex(where: { !space($0) }), let last = lastIndex(where: { !space($0) }) else {
            return self[startIndex..<startIndex]
        }
        return self[first...last]
    }
}
