import Configuration
import Transport
import WireSyntax

/// The configuration files of a lab with the keys and certificates that they name, all 0600, in one folder. File names in them are relative: the folder can
/// be moved.
package struct NetworkFiles: Sendable {
    package let folder: PrivateFolder
    package let plan: NetworkPlan
    package let variant: NetworkVariant

    package static let home = "home.yaml"
    package static let proxy = "pcscf.yaml"
    package static let gateway = "agw.yaml"
    package static let callingUE = "ue-a.yaml"
    package static let calledUE = "ue-b.yaml"
    package static let secondDevice = "ue-b2.yaml"
    /// The calling UE's place, by the user who has keys in place of a password.
    package static let akaUE = "ue-aka.yaml"

    package static let callingUser = "alice"
    package static let calledUser = "bob"
    package static let akaUser = "carol"

    package var calledIdentity: String { "sip:\(Self.calledUser)@\(plan.domain)" }

    package init(_ plan: NetworkPlan, _ variant: NetworkVariant = .base, in folder: PrivateFolder) {
        self.plan = plan
        self.variant = variant
        self.folder = folder
    }

    package func write() throws {
        let authority = try CertificateAuthority()
        try authority.identity.save(certificateFile: folder.file("ca.pem"), keyFile: folder.file("ca.key"))
        let proxy = try authority.issue(for: [.name("pcscf.\(plan.domain)"), .address(plan.gmTLS.address)])
        try proxy.save(certificateFile: folder.file("pcscf.pem"), keyFile: folder.file("pcscf.key"))
        let passwords = (0..<2).map { _ in Credential.password(Self.secret()) }
        let keys = Credential.aka(k: Self.secret(), opc: Self.secret())
        try save(homeFile([passwords[0], passwords[1], keys]), Self.home)
        try save(proxyFile, Self.proxy)
        try save(gatewayFile, Self.gateway)
        for (user, file, address, credential) in [
            (Self.callingUser, Self.callingUE, plan.callingUE, passwords[0]),
            (Self.calledUser, Self.calledUE, plan.calledUE, passwords[1]),
            (Self.calledUser, Self.secondDevice, plan.secondDevice, passwords[1]),
            (Self.akaUser, Self.akaUE, plan.callingUE, keys),
        ] {
            let name = file.replacing(".yaml", with: "")
            try Identity.selfSigned().save(
                certificateFile: folder.file(name + ".pem"), keyFile: folder.file(name + ".key"))
            _ = try PrivateFolder.at(folder.file(received(name)))
            try save(userFile(user, name, address, credential), file)
        }
    }

    private func save(_ entries: [PrintedValue.Entry], _ name: String) throws {
        try PrivateFile.write(Array(PrintedValue.map(entries).yaml.utf8), to: folder.file(name))
    }

    /// What a user proves itself with, 128 bits each.
    private enum Credential {
        case password(String)
        case aka(k: String, opc: String)

        var entries: [PrintedValue.Entry] {
            switch self {
            case .password(let password): [.init("password", .scalar(password))]
            case .aka(let k, let opc):
                [.init("aka.k", .scalar(k)), .init("aka.opc", .scalar(opc))]
            }
        }
    }

    /// 32 hexadecimal digits.
    private static func secret() -> String {
        (0..<16).map { _ in
            let text = String(UInt8.random(in: 0...255), radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }

    private func received(_ name: String) -> String { "received-" + name }

    // MARK: - What each file says

    private func homeFile(_ credentials: [Credential]) -> [PrintedValue.Entry] {
        let users = zip([Self.callingUser, Self.calledUser, Self.akaUser], credentials).map { user, credential in
            PrintedValue.map(
                [.init("private-id", .scalar("\(user)@\(plan.domain)"))] + credential.entries + [
                    .init("public-ids", .list([.scalar("sip:\(user)@\(plan.domain)")]))
                ])
        }
        return [
            .init("domain", .scalar(plan.domain)), .init("mw.listen", .list([.scalar("tcp:\(plan.home)")])),
            .init("mw.peers", .list([.scalar("\(plan.mw.address)")])), .init("users", .list(users)),
        ]
    }

    private var proxyFile: [PrintedValue.Entry] {
        [
            .init("domain", .scalar(plan.domain)), .init("gm.udp", .scalar("\(plan.gm)")),
            .init("gm.tcp", .scalar("\(plan.gm)")), .init("gm.tls", .scalar("\(plan.gmTLS)")),
            .init("gm.certificate", .scalar("pcscf.pem")), .init("gm.key", .scalar("pcscf.key")),
            .init("mw.listen", .scalar("\(plan.mw)")), .init("mw.home", .scalar("\(plan.home)")),
            .init("iq.listen", .scalar("udp:\(plan.controller)")),
            .init("iq.gateways", .list([.scalar("udp:\(plan.gateway)")])),
        ]
    }

    private var gatewayFile: [PrintedValue.Entry] {
        [
            .init("iq.listen", .scalar("udp:\(plan.gateway)")),
            .init("iq.mgc", .list([.scalar("udp:\(plan.controller)")])),
            .init("access.address", .list([.scalar("\(plan.access)")])),
            .init("core.address", .list([.scalar("\(plan.core)")])),
        ]
    }

    private func userFile(_ user: String, _ name: String, _ address: IPAddress, _ credential: Credential)
        -> [PrintedValue.Entry]
    {
        var entries: [PrintedValue.Entry] = [.init("identity", .scalar("sip:\(user)@\(plan.domain)"))]
        entries += credential.entries
        if case .aka = credential { entries.append(.init("aka.sqn-file", .scalar(name + ".sqn"))) }
        return entries + [
            .init("address", .scalar("\(address)")), .init("pcscf", .scalar(plan.gm(.tls))),
            .init("pcscf-name", .scalar("pcscf.\(plan.domain)")), .init("tls.authorities", .scalar("ca.pem")),
            .init("media.certificate", .scalar(name + ".pem")), .init("media.key", .scalar(name + ".key")),
            .init("receive.folder", .scalar(received(name))), .init("receive.maximum-size", .scalar("1 GiB")),
        ]
    }
}
