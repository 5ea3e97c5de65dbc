import NIOSSL
import SDP
import WireSyntax

/// TLS of a SIP listener: the certificate that it shows, and whether it asks for one.
package struct TLSServerSettings: Sendable {
    let context: NIOSSLContext
    let fingerprint: String?

    /// - Parameter authorities: DER certificates of the CAs that must vouch for a client (Mw). Nil: clients are not asked for a certificate (Gm: digest
    ///   authenticates UEs).
    package init(identity: Identity, clientsOf authorities: [[UInt8]]? = nil, keyLog: KeyLog? = nil) throws {
        context = try TLSContexts.gmServer(identity, clientsOf: authorities, keyLog: keyLog?.hook)
        fingerprint = CertificateDigest.fingerprint(of: identity.certificate, hash: .sha256)?.description
    }
}

/// TLS of a connection that a SIP endpoint opens: whom it trusts, the name that the server must prove, and what it shows itself.
package struct TLSClientSettings: Sendable {
    let context: NIOSSLContext
    /// Nil: the certificate must hold the address that is connected to.
    package let serverName: String?

    /// - Parameters:
    ///   - authorities: DER certificates of the CAs that may vouch for the server.
    ///   - identity: for a server that asks for a certificate (Mw).
    package init(
        trusting authorities: [[UInt8]], serverName: String?, identity: Identity? = nil, keyLog: KeyLog? = nil
    ) throws {
        self.init(
            context: try TLSContexts.gmClient(trusting: authorities, identity: identity, keyLog: keyLog?.hook),
            serverName: serverName)
    }

    private init(context: NIOSSLContext, serverName: String?) {
        self.context = context
        // RFC 6066 §3: an address is no server name.
        self.serverName = serverName.flatMap { IPAddress($0) == nil ? $0 : nil }
    }

    /// The same for a server of another name, such as `ServerSelection.Target.serverName`; nil: the address is what it must prove.
    package func naming(_ serverName: String?) -> TLSClientSettings {
        TLSClientSettings(context: context, serverName: serverName)
    }
}
