import MediaSecurity
import SIP

/// RFC 3323 §4.2, RFC 3325 §9.3: what a message asks for in Privacy.
///
/// | value | what the P-CSCF does with it |
/// |---|---|
/// | `user` | From becomes anonymous, and what tells of the user is removed (RFC 3323 §5.3) |
/// | `header` | Contact names the P-CSCF, and the Via values before it are kept back (RFC 3323 §5.1) |
/// | `id` | P-Asserted-Identity does not leave the trust domain (RFC 3325 §7): not towards a UE |
/// | `none` | nothing at all |
/// | `critical` | a request that asks for anything else beside these fails with 500 |
struct Privacy: Hashable, Sendable {
    /// In lower case, in order.
    let values: [String]

    private static let performed: Set<String> = ["user", "header", "id", "critical"]
    /// Values that a 500 names, and characters of each.
    private static let maximumNamed = 4
    private static let maximumName = 32

    init(_ headers: Headers) {
        values = headers.values(.privacy).flatMap { value in
            value.split { ";, \t".contains($0) }.map { $0.lowercased() }
        }
    }

    /// Whether a privacy function is asked for. `none` forbids every one of them (RFC 3323 §5).
    func asks(for value: String) -> Bool { values.contains(value) && !values.contains("none") }

    /// RFC 3323 §5: what cannot be done for a request that insists on it, for the reason phrase of the 500; nil where nothing is amiss.
    var failure: String? {
        guard asks(for: "critical") else { return nil }
        let missing = values.filter { !Self.performed.contains($0) }
        guard !missing.isEmpty else { return nil }
        let names = missing.prefix(Self.maximumNamed).map { name in
            String(name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }.prefix(Self.maximumName))
        }
        return "Privacy failure: " + names.joined(separator: " ")
    }

    /// RFC 3323 §5: takes values off that have been done, and the whole header with the option tag where nothing is left to do.
    static func take(_ done: Set<String>, off headers: inout Headers) {
        let privacy = Privacy(headers)
        guard !privacy.values.isEmpty, !privacy.values.contains("none"), privacy.values.contains(where: done.contains)
        else { return }
        let left = privacy.values.filter { !done.contains($0) }
        guard left.allSatisfy({ $0 == "critical" }) else {
            headers.set(.privacy, to: left.joined(separator: ";"))
            return
        }
        headers.remove(.privacy)
        let tags = headers.list(.proxyRequire).filter { $0.lowercased() != "privacy" }
        headers.remove(.proxyRequire)
        if !tags.isEmpty { headers.append(.proxyRequire, tags.joined(separator: ", ")) }
    }
}

/// The privacy service (RFC 3323 §5) of a call. What is taken out towards one side is put back towards the other: the parties go on using the names that
/// they know.
///
/// ```
///   caller (Privacy: user;header)            P-CSCF                          callee
///    | INVITE From: <sip:u@ims.lab>;tag=a      |                               |
///    |        Contact: <sip:u@192.0.2.7> ----> | INVITE From: anonymous;tag=a  |
///    |                                         |   Contact: <sip:pcscf> -----> |
///    | <- 200 From: <sip:u@ims.lab>;tag=a      | <---- 200 From: anonymous     |
///    | <- BYE To: <sip:u@ims.lab>;tag=a        | <---- BYE To: anonymous;tag=a |
///    |    to sip:u@192.0.2.7                   |       to sip:pcscf            |
/// ```
extension CallLeg {
    /// RFC 3323 §4.1.1.3.
    static let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>"

    /// RFC 3323 §5.3: headers that tell of a user and that nothing needs.
    private static let informational: [HeaderName] = [
        .subject, "Call-Info", "Organization", .userAgent, "Reply-To", "In-Reply-To", .server,
    ]

    /// From of the caller as the callee sees it.
    var concealedCaller: String {
        let original = invite.headers[.from] ?? ""
        return isCallerConcealed ? "\(Self.anonymous);tag=\(callerTag)" : original
    }

    var isCallerConcealed: Bool { privacy.asks(for: "user") }

    /// A message of `side` as the other may see it.
    func conceal(_ headers: inout Headers, of side: OfferSide, isRequest: Bool) {
        let asked = Privacy(headers)
        if side == caller, isCallerConcealed {
            for name in Self.informational { headers.remove(name) }
            if isRequest { headers.set(.from, to: concealedCaller) }
        }
        if hiddenContacts.contains(side) {
            if headers.contains(.contact) { headers.set(.contact, to: "<\(ownContact(towards: side.other))>") }
            if isRequest { headers.remove(.via) }
        } else if side == caller, isCallerConcealed {
            headers.withoutContactUsers()
        }
        var done: Set<String> = ["header"]
        if isCallerConcealed || !isRequest { done.insert("user") }
        // Towards a UE P-Asserted-Identity is gone by now.
        if side == .core, asked.asks(for: "id") { done.insert("id") }
        Privacy.take(done, off: &headers)
    }

    /// A request for `side` in the names and to the address that it knows.
    func reveal(_ request: inout Request, to side: OfferSide) {
        if side == caller, isCallerConcealed, (try? request.headers.to())?.tag == callerTag {
            request.headers.set(.to, to: invite.headers[.from] ?? "")
        }
        guard hiddenContacts.contains(side) || side == caller && isCallerConcealed else { return }
        let tags = [(try? request.headers.to())?.tag, (try? request.headers.from())?.tag].compactMap { $0 }
        if let target = tags.lazy.compactMap({ dialogs[$0]?.targets[side] }).first { request.uri = target }
    }

    /// A response in the names of the request that it answers, and by the way that it came.
    func reveal(_ headers: inout Headers, of exchange: Exchange) {
        guard isCallerConcealed || !hiddenContacts.isEmpty else { return }
        let request = exchange.request.headers
        if let from = request[.from] { headers.set(.from, to: from) }
        if (try? request.to())?.tag != nil, let to = request[.to] { headers.set(.to, to: to) }
        headers.remove(.via)
        for via in request.values(.via).reversed() { headers.prepend(.via, via) }
    }

    private func ownContact(towards side: OfferSide) -> String {
        switch side {
        case .core: "sip:\(own.mw);transport=tcp"
        case .ue:
            "sip:\(own.gm[served.flow.transport] ?? served.flow.local);transport=\(served.flow.transport.rawValue)"
        }
    }
}

extension Headers {
    /// Contact without the user part of its URIs.
    fileprivate mutating func withoutContactUsers() {
        guard let contacts = try? contacts(), !contacts.isEmpty else { return }
        let bare = contacts.map { contact in
            var contact = contact
            if case .sip(var uri) = contact.uri {
                uri.user = nil
                uri.password = nil
                contact.uri = .sip(uri)
            }
            contact.displayName = nil
            return "\(contact)"
        }
        set(.contact, to: bare.joined(separator: ", "))
    }
}
