import NIOSSL
import SDP
import WireSyntax

/// TLS of a SIP listener: the certificate that it shows. UEs are not asked for one; digest authenticates them.
package struct TLSServerSettings: Sendable {
    let context: NIOSSLContext
    let fingerprint: String?

    package init(identity: Identity, keyLog: KeyLog? = nil) throws {
        context = try TLSContexts.gmServer(identity, keyLog: keyLog?.hook)
        fingerprint = CertificateDigest.fingerprint(of: identity.certificate, hash: .sha256)?.description
    }
}

/// TLS of a connection that a SIP endpoint opens: whom it trusts, and the name that the server must prove.
package struct TLSClientSettings: Sendable {
    let context: NIOSSLContext
    /// Nil: the certificate must hold the address that is connected to.
    package let serverName: String?

    /// - Parameter authorities: DER certificates of the CAs that may vouch for the server.
    package init(trusting authorities: [[UInt8]], serverName: String?, keyLog: KeyLog? = nil) throws {
        context = try TLSContexts.gmClient(trusting: authorities, keyLog: keyLog?.hook)
        // RFC 6066 §3: an address is no server name.
        self.serverName = serverName.flatMap { IPAddress($0) == nil ? $0 : nil }
    }
}
