import SIP

/// The media plane part of the security agreement (RFC 3329, TS 24.229 §7.2A.7), as the UE keeps it for one registration.
///
/// The entry `msrp-tls;mediasec` is composed of two verified parts (provisional: U12).
struct SecurityAgreement: Hashable, Sendable {
    /// MSRP over TLS with fingerprints, end to access edge.
    static let mechanism = "msrp-tls"
    static let parameter = "mediasec"
    /// Option tag of RFC 3329.
    static let optionTag = "sec-agree"

    /// This UE says that it can.
    let indicates: Bool
    /// Every entry of Security-Server as received, in order: what Security-Verify gives back.
    private(set) var serverEntries: [String] = []

    init(indicates: Bool) { self.indicates = indicates }

    /// The network has said that it can.
    var networkIndicates: Bool { serverEntries.contains(where: SecurityAgreement.isMessageEntry) }

    /// Both have: e2ae is then compulsory (TS 33.328).
    var isAgreed: Bool { indicates && networkIndicates }

    /// Learns Security-Server from a 401, 494 or 200; one without it changes nothing.
    mutating func receive(_ headers: Headers) {
        let entries = headers.list(.securityServer)
        if !entries.isEmpty { serverEntries = entries }
    }

    /// A new registration begins from nothing.
    mutating func reset() { serverEntries = [] }

    /// Puts the headers of a REGISTER in: what the UE can, and an exact copy of what the network said.
    ///
    /// - Parameter agreementTag: `sec-agree` as well, for a network that asked for it by 421.
    func apply(to headers: inout Headers, optionTag: Bool, agreementTag: Bool = false) {
        guard indicates else { return }
        headers.append(.securityClient, "\(Self.mechanism);\(Self.parameter)")
        if !serverEntries.isEmpty { headers.append(.securityVerify, serverEntries.joined(separator: ", ")) }
        let tags = (agreementTag ? [Self.optionTag] : []) + (optionTag ? [Self.parameter] : [])
        guard !tags.isEmpty else { return }
        headers.append(.require, tags.joined(separator: ", "))
        headers.append(.proxyRequire, tags.joined(separator: ", "))
    }

    /// Names and parameters in either case, other parameters in any order.
    static func isMessageEntry(_ entry: String) -> Bool {
        let parts = entry.split(separator: ";").map { part in
            part.filter { $0 != " " && $0 != "\t" }.lowercased()
        }
        return parts.first == mechanism && parts.dropFirst().contains(parameter)
    }
}
