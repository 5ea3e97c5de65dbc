import Foundation
import SDP
import Testing
import WireSyntax

/// `openssl` in the place of a UE: a certificate of its own, `s_client` and `s_server`.
struct OpenSSLPeer: Sendable {
    enum Version: String, CaseIterable, Sendable { case tls12 = "-tls1_2", tls13 = "-tls1_3" }

    let program: ForeignProgram
    let folder: String
    let name: String
    /// Of its certificate, as openssl itself says it.
    let fingerprint: Fingerprint

    var certificate: String { "\(folder)/\(name).pem" }
    var key: String { "\(folder)/\(name).key" }

    /// Makes a self-signed P-256 certificate in `folder`.
    init(_ name: String, in folder: String) async throws {
        program = try ForeignProgram("openssl")
        self.folder = folder
        self.name = name
        let files = (certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
        let made = try await program.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-keyout", files.key, "-out", files.certificate,
        ])
        try #require(made.status == 0, "\(made.errors)")
        let shown = try await program.run(["x509", "-in", files.certificate, "-noout", "-fingerprint", "-sha256"])
        let value = shown.output.split(separator: "=").last.map { String($0.filter { !$0.isWhitespace }) } ?? ""
        fingerprint = try Fingerprint(parsing: "SHA-256 \(value)")
    }

    /// A TLS client. `source`: the address that it connects from.
    func connect(
        to endpoint: Endpoint, from source: IPAddress, _ version: Version = .tls13, showingCertificate: Bool = true,
        _ more: [String] = []
    ) throws -> ForeignProgram.Running {
        var arguments = [
            "s_client", "-connect", "\(endpoint)", "-bind", "\(source.bracketed):0", version.rawValue, "-nocommands",
            "-ign_eof",
        ]
        if showingCertificate { arguments += ["-cert", certificate, "-key", key] }
        return try program.start(arguments + more)
    }

    /// A TLS server on a port of the kernel's choice, that asks for a certificate.
    func listen(
        at address: IPAddress, _ version: Version = .tls13
    ) async throws -> (server: ForeignProgram.Running, endpoint: Endpoint) {
        let server = try program.start([
            "s_server", "-accept", "\(address.bracketed):0", "-cert", certificate, "-key", key, version.rawValue,
            "-verify", "1",
        ])
        await server.waitFor("ACCEPT ")
        // It may have printed half of the line.
        await server.waitFor("\n")
        let line = server.printed.split(separator: "\n").first { $0.hasPrefix("ACCEPT ") }
        let endpoint = try #require(line.flatMap { Endpoint($0.dropFirst(7)) }, "\(server.printed)")
        return (server, endpoint)
    }
}
