import Observability

/// What a scenario shows beyond what all of them show.
extension Checks {
    mutating func prove(_ proof: Proof) {
        switch proof {
        case .untouchedPaths: untouchedPaths()
        case .ownPaths: ownPaths()
        case .renewals: renewals()
        case .forked: forked()
        case .aka: aka()
        case .roles: roles()
        case .offersAsRCS: offersAsRCS()
        case .offeredAsRCS: offeredAsRCS()
        case .fallback: fallback()
        case .version6: version6()
        }
    }

    /// RFC 6714 §4: with `a=msrp-cema` on both sides the connections go where c= and m= say, and the paths name the ends.
    private mutating func untouchedPaths() {
        let offer = requests("INVITE", NodeName.callingUE, .sent).first
        let offered = requests("INVITE", NodeName.calledUE, .received).first
        let answer = responses("200", to: "INVITE", NodeName.calledUE, .sent).first
        let answered = responses("200", to: "INVITE", NodeName.callingUE, .received).first
        for (what, message) in [("offer", offer), ("offer at the callee", offered), ("answer", answered)] {
            expect("\(what) has a=msrp-cema", message?.has("a=msrp-cema") ?? false, "it is not there")
        }
        for (who, sent, received) in [("caller", offer, offered), ("callee", answer, answered)] {
            let path = sent?.values("a=path:") ?? []
            expect(
                "the path of the \(who) passes untouched", !path.isEmpty && path == received?.values("a=path:"),
                "\(path) became \(received?.values("a=path:") ?? [])")
            expect(
                "the gateway's port stands in its place in m=", sent != nil && sent?.mediaPort != received?.mediaPort,
                "it is \(received?.mediaPort ?? "none") on both sides")
        }
        let transports = commandedTransports
        expect(
            "the gateway reads no MSRP", !transports.isEmpty && transports.allSatisfy { !$0.hasSuffix("/MSRP") },
            "H.248 said \(transports.sorted().joined(separator: ", "))")
    }

    /// RFC 6714 §4.2: without CEMA at the other end a UE connects to the path, so that must be the gateway's.
    private mutating func ownPaths() {
        let offer = requests("INVITE", NodeName.callingUE, .sent).first
        expect("the caller offers CEMA", offer?.has("a=msrp-cema") ?? false, "no a=msrp-cema is in its offer")
        let answers = responses("200", to: "INVITE", NodeName.calledUE, .sent)
        expect(
            "the callee answers without", !answers.isEmpty && answers.allSatisfy { !$0.has("a=msrp-cema") },
            answers.isEmpty ? "it did not answer" : "a=msrp-cema is in its answer")
        let told = responses("200", to: "INVITE", NodeName.callingUE, .received).first
        expect(
            "the caller is told that the other end connects", told?.has("a=setup:active") ?? false,
            "\(told?.values("a=setup:") ?? [])")
        let offers = requests("INVITE", NodeName.callingUE, .sent)
        expect(
            "the caller offers again without CEMA", offers.count == 2 && !(offers.last?.has("a=msrp-cema") ?? true),
            "it made \(offers.count) offers")
        for (who, message) in [
            ("callee", requests("INVITE", NodeName.calledUE, .received).last),
            ("caller", responses("200", to: "INVITE", NodeName.callingUE, .received).last),
        ] {
            let address = message?.values("c=").first?.split(separator: " ").last.map(String.init) ?? "no address"
            let place = "\(address):\(message?.mediaPort ?? "none")"
            let paths = message?.values("a=path:") ?? []
            let isThere = !paths.isEmpty && paths.allSatisfy { $0.contains("://\(place)/") }
            expect("the \(who) gets the gateway's path at last", isThere, "c= and m= say \(place), \(paths)")
        }
        let transports = commandedTransports
        expect(
            "the gateway reads MSRP", transports.contains { $0.hasSuffix("/MSRP") },
            "H.248 said \(transports.sorted().joined(separator: ", "))")
        let strangers = observed.legs.filter { observed in
            ![observed.leg.from, observed.leg.to].contains(NodeName.gateway)
                && observed.handshakes.contains { $0.accepted }
        }
        expect("no UE is let in past the gateway", strangers.isEmpty, "\(strangers.count) did")
    }

    /// RFC 3310, TS 33.203 §6.1.
    private mutating func aka() {
        let expected: [(String, Set<String>)] = [
            (NodeName.callingUE, ["AKAv1-MD5"]), (NodeName.calledUE, ["SHA-256", "MD5"]),
        ]
        for (ue, algorithms) in expected {
            let challenges = responses("401", to: "REGISTER", ue, .received).flatMap { $0.values("WWW-Authenticate: ") }
            let offered = Set(challenges.compactMap(Self.algorithm))
            expect(
                "\(ue) is challenged by \(algorithms.sorted().joined(separator: " or "))",
                !offered.isEmpty && offered.isSubset(of: algorithms), offered.sorted().joined(separator: ", "))
            let answers = requests("REGISTER", ue, .sent).flatMap { $0.values("Authorization: ") }
            let used = Set(answers.compactMap(Self.algorithm))
            expect(
                "\(ue) answers so", !used.isEmpty && used.isSubset(of: algorithms),
                used.sorted().joined(separator: ", "))
        }
        let asserted = requests("INVITE", NodeName.proxy, .sent).first?.values("P-Asserted-Identity: ") ?? []
        expect(
            "the core is told whose keys they were",
            !asserted.isEmpty && asserted.allSatisfy { $0.contains("sip:\(NetworkFiles.akaUser)@") },
            asserted.joined(separator: ", "))
    }

    /// `Digest algorithm=AKAv1-MD5`
    private static func algorithm(_ value: String) -> String? {
        value.split(separator: " ").first { $0.hasPrefix("algorithm=") }.map { String($0.dropFirst(10)) }
    }

    /// Transports of the m= lines in the commands to the gateway: `TCP/TLS` where it relays octets, `TCP/TLS/MSRP` where it reads messages.
    var commandedTransports: Set<String> {
        let all: [[String]] = all { event in
            guard event.node == NodeName.gateway, case .h248(let message) = event.what else { return nil }
            return message.lines.compactMap { line in
                guard let start = line.firstRange(of: "m=message ") else { return nil }
                return line[start.upperBound...].split(separator: " ").dropFirst().first.map(String.init)
            }
        }
        return Set(all.joined())
    }

    /// RFC 6135 §4.2, media-security.md 3.3: the active end connects and is the TLS client.
    private mutating func roles() {
        let offer = requests("INVITE", NodeName.callingUE, .sent).first
        expect(
            "the caller offers a=setup:active at port 9",
            offer?.has("a=setup:active") == true && offer?.mediaPort == "9",
            "\(offer?.values("a=setup:") ?? []) at port \(offer?.mediaPort ?? "none")")
        let answered = responses("200", to: "INVITE", NodeName.callingUE, .received).first
        expect(
            "it is answered a=setup:passive", answered?.has("a=setup:passive") == true,
            "\(answered?.values("a=setup:") ?? [])")
        let answer = responses("200", to: "INVITE", NodeName.calledUE, .sent).first
        expect(
            "the callee answers a=setup:passive", answer?.has("a=setup:passive") == true,
            "\(answer?.values("a=setup:") ?? [])")
        for (ue, from, role) in [
            (NodeName.callingUE, NodeName.callingUE, FlowEvent.Handshake.Role.server),
            (NodeName.calledUE, NodeName.gateway, .client),
        ] {
            let leg = observed.established.first { $0.leg.from == ue || $0.leg.to == ue }
            expect("\(from) connects on the leg of \(ue)", leg?.leg.from == from, "\(leg?.leg.from ?? "nobody") did")
            let roles = leg?.handshakes.filter { $0.leg == "access" }.map(\.role) ?? []
            expect(
                "the gateway is the TLS \(role.rawValue) of \(ue)", roles == [role],
                roles.isEmpty ? "no handshake was seen there" : "it was the \(roles.map(\.rawValue))")
        }
    }

    private mutating func version6() {
        var places: Set<String> = []
        var addresses: Set<String> = []
        for event in events {
            switch event.what {
            case .sip(let message):
                places.formUnion([message.local, message.remote])
                addresses.formUnion(message.values("c="))
                for path in message.values("a=path:") { addresses.insert(path.contains("//[::1]:") ? "[::1]" : path) }
            case .h248(let message): places.formUnion([message.local, message.remote])
            case .connection(let connection): places.formUnion([connection.local, connection.remote])
            case .tls(let handshake): places.formUnion([handshake.local, handshake.remote])
            default: continue
            }
        }
        // An event before the connection stands knows no port.
        let foreign = places.filter { !["", "::1", "[::1]"].contains($0) && !$0.hasPrefix("[::1]:") }
        expect(
            "every socket is at ::1", !places.isEmpty && foreign.isEmpty,
            foreign.sorted().prefix(3).joined(separator: ", "))
        expect(
            "SDP and paths name ::1 only", addresses == ["IN IP6 ::1", "[::1]"],
            addresses.sorted().prefix(4).joined(separator: ", "))
    }
}
