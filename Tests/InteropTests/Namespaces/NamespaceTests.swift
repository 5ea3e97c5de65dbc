import Foundation
import Glibc
import Testing

/// Hosts of their own on this machine: network namespaces with IPv6 links to the P-CSCF's.
private actor Hosts {
    let ip: ForeignProgram
    private let prefix = "sallyport-\(getpid())-"
    private var names: [String] = []

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    init() throws { ip = try ForeignProgram("ip") }

    static var arePossible: Bool { getuid() == 0 && ForeignProgram.find("ip") != nil }

    private func run(_ command: String) async throws {
        let result = try await ip.run(command.split(separator: " ").map(String.init))
        guard result.status == 0 else { throw Failed(description: "ip \(command): \(result.errors)") }
    }

    func add(_ name: String) async throws {
        try await run("netns add \(prefix)\(name)")
        names.append(name)
        try await run("-n \(prefix)\(name) link set lo up")
    }

    /// A link with `network`::1 at one end and `network`::2 at the other.
    func link(_ one: String, _ other: String, _ network: String) async throws {
        let device = "to-\(other)"
        try await run("link add \(device) netns \(prefix)\(one) type veth peer name uplink netns \(prefix)\(other)")
        for (host, device, last) in [(one, device, 1), (other, "uplink", 2)] {
            try await run("-n \(prefix)\(host) addr add \(network)::\(last)/64 dev \(device) nodad")
            try await run("-n \(prefix)\(host) link set \(device) up")
        }
        try await run("-n \(prefix)\(other) route add default via \(network)::1")
    }

    func start(_ host: String, _ program: ForeignProgram, _ arguments: [String]) throws -> ForeignProgram.Running {
        try ip.start(["netns", "exec", prefix + host, program.path] + arguments)
    }

    /// The first line that comes back for a request over a TCP connection.
    func answer(_ host: String, to request: String, at address: String, _ port: Int) async throws -> String {
        let script = "exec 3<>/dev/tcp/\(address)/\(port) && printf '%b' \"$1\" >&3 && timeout 5 head -n 1 <&3"
        let result = try await ip.run(["netns", "exec", prefix + host, "bash", "-c", script, "bash", request])
        return result.output + result.errors
    }

    func remove() async { for name in names { _ = try? await ip.run(["netns", "del", prefix + name]) } }
}

@Suite("IPv6 with an address a host", .timeLimit(.minutes(2)), .serialized)
struct NamespaceTests {
    static let options =
        #"OPTIONS sip:x@ims.lab SIP/2.0\r\nVia: SIP/2.0/TCP [fd71:9::9]:5060;branch=z9hG4bKns\r\nMax-Forwards: 70\r\n"#
        + #"From: <sip:s@ims.lab>;tag=1\r\nTo: <sip:x@ims.lab>\r\nCall-ID: ns\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"#

    @Test(
        "A12: a UE registers and is served over its link; a stranger at Mw, and the UE's own host at Mw, get 403; the core gets through",
        .enabled(if: Hosts.arePossible || ForeignProgram.arePeersRequired, "needs root and ip (iproute2)"))
    func strangers() async throws {
        let hosts = try Hosts()
        do {
            try await play(hosts)
        } catch {
            await hosts.remove()
            throw error
        }
        await hosts.remove()
    }

    private func play(_ hosts: Hosts) async throws {
        for name in ["pcscf", "ue", "core", "stranger"] { try await hosts.add(name) }
        try await hosts.link("pcscf", "ue", "fd71:1:0:0")
        try await hosts.link("pcscf", "core", "fd71:2:0:0")
        try await hosts.link("pcscf", "stranger", "fd71:3:0:0")
        let sallyport = try Sallyport.program()
        try await withTemporaryFolder { folder in
            func file(_ name: String, _ text: String) throws -> String {
                try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
                chmod("\(folder)/\(name)", 0o600)
                return "\(folder)/\(name)"
            }
            let home = try file(
                "home.yaml",
                """
                domain: ims.lab
                mw: {listen: ["tcp:[fd71:2::2]:5060"], peers: ["fd71:2::1"]}
                users: [{private-id: alice@ims.lab, password: "0123456789abcdef", public-ids: ["sip:alice@ims.lab"]}]
                """)
            let pcscf = try file(
                "pcscf.yaml",
                """
                domain: ims.lab
                gm: {tcp: "[fd71:1::1]:5060", udp: "[fd71:1::1]:5060"}
                mw: {listen: "[fd71:2::1]:5070", home: "[fd71:2::2]:5060"}
                iq: {listen: "udp:[fd71:2::1]:2944"}
                """)
            let ue = try file(
                "ue.yaml",
                """
                identity: sip:alice@ims.lab
                password: "0123456789abcdef"
                address: "fd71:1::2"
                pcscf: "tcp:[fd71:1::1]:5060"
                """)
            var running: [ForeignProgram.Running] = []
            defer { for program in running { program.kill() } }
            for (host, arguments, ready) in [
                ("core", ["home", "--config", home], "listening"),
                ("pcscf", ["pcscf", "--config", pcscf], "listening"),
                ("ue", ["ue", "answer", "--config", ue], "registered"),
            ] {
                let program = try await hosts.start(host, sallyport, arguments + ["--log-level", "info"])
                running.append(program)
                try #require(await program.waitFor(ready, within: .seconds(20)), "\(host): \(program.printed)")
            }
            for host in ["stranger", "ue"] {
                let answer = try await hosts.answer(host, to: Self.options, at: "fd71:2::1", 5070)
                #expect(answer.hasPrefix("SIP/2.0 403"), "\(host): \(answer)")
            }
            let known = try await hosts.answer("core", to: Self.options, at: "fd71:2::1", 5070)
            #expect(known.hasPrefix("SIP/2.0 430"), "the core: \(known)")
        }
    }
}
