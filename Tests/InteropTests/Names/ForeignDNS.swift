import Foundation
import Glibc
import NIOCore
import NIOPosix
import SIP
import Transport
import WireSyntax

/// dnsmasq on loopback, with a zone of our making and nothing else: it asks nobody, reads no file of the system, and takes an unprivileged port.
final class ForeignDNS {
    let endpoint: Endpoint
    private let program: ForeignProgram.Running

    /// What every test finds: `ims.lab` with NAPTR, SRV and addresses of both families.
    static let zone = [
        "--naptr-record=ims.lab,50,50,s,SIPS+D2T,,_sips._tcp.ims.lab",
        "--naptr-record=ims.lab,90,50,s,SIP+D2T,,_sip._tcp.ims.lab",
        "--naptr-record=ims.lab,100,50,s,SIP+D2U,,_sip._udp.ims.lab",
        "--srv-host=_sip._tcp.ims.lab,one.ims.lab,5071,1,10",
        "--srv-host=_sip._tcp.ims.lab,two.ims.lab,5072,2,10",
        "--srv-host=_sip._udp.ims.lab,two.ims.lab,5070,1,10",
        "--srv-host=_sips._tcp.ims.lab,one.ims.lab,5081,1,10",
        "--host-record=one.ims.lab,192.0.2.1,2001:db8::1",
        "--host-record=two.ims.lab,192.0.2.2",
        "--host-record=ims.lab,192.0.2.9",
    ]

    init(_ arguments: [String] = zone) async throws {
        // The port is free a moment before; nobody else of the tests takes it, since they run one after the other.
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let probe = try await DatagramBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
        guard let free = probe.localAddress.flatMap({ Endpoint($0) }) else {
            throw ForeignProgram.NotInstalled(name: "")
        }
        try await probe.close().get()
        endpoint = free
        program = try ForeignProgram("dnsmasq").start(
            [
                "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                "--no-poll", "--pid-file", "--user=\(Self.user)", "--bind-interfaces", "--listen-address=127.0.0.1",
                "--port=\(free.port)", "--local=/lab/", "--local-ttl=60", "--max-cache-ttl=60",
            ] + arguments)
        guard await program.waitFor("started") else {
            throw ForeignProgram.NotInstalled(name: "dnsmasq: \(program.printed)")
        }
    }

    deinit { program.kill() }

    private static var user: String { getuid() == 0 ? "root" : NSUserName() }
}
