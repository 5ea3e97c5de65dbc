import NIOCore
import NIOSSL

/// What every TLS context of this project has in common, and the only place where one is made.
///
/// - TLS 1.2 and 1.3 only, the suites of `CipherSuite.standard`, no renegotiation, no early data, no compression (A6).
/// - `certificateVerification` is never `.none`: with it the verification callback is not called and anybody gets in.
package enum TLSContexts {
    /// Time that a closing connection waits for the peer's close_notify: ours is sent, the peer's changes nothing.
    package static let shutdownTimeout = TimeAmount.zero

    /// A line in the format of SSLKEYLOGFILE, without a line end. Called on event loops.
    package typealias KeyLogHook = @Sendable (ByteBuffer) -> Void

    /// The server's side of SIP: it shows a certificate with its names.
    ///
    /// - Parameter authorities: DER of those that must vouch for the client, who without a certificate of theirs does not get in (Mw). Nil: none
    ///   is asked for (Gm, where digest authenticates the UE).
    package static func gmServer(
        _ identity: Identity, clientsOf authorities: [[UInt8]]? = nil, keyLog: KeyLogHook? = nil
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: identity.certificates.map { .certificate($0) },
            privateKey: .privateKey(identity.privateKey))
        if let authorities {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates(
                try authorities.map { try NIOSSLCertificate(bytes: $0, format: .der) })
        }
        profile(&configuration, keyLog: keyLog)
        return try NIOSSLContext(configuration: configuration)
    }

    /// The client's side of SIP: the chain must lead to one of `authorities` (DER), the name must be the one that `NIOSSLClientHandler` is given, or the address
    /// that was connected to where it is given none.
    ///
    /// - Parameter identity: what it shows to a server that asks.
    package static func gmClient(
        trusting authorities: [[UInt8]], identity: Identity? = nil, keyLog: KeyLogHook? = nil
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let identity {
            configuration.certificateChain = identity.certificates.map { .certificate($0) }
            configuration.privateKey = .privateKey(identity.privateKey)
        }
        configuration.certificateVerification = .fullVerification
        configuration.trustRoots = .certificates(try authorities.map { try NIOSSLCertificate(bytes: $0, format: .der) })
        profile(&configuration, keyLog: keyLog)
        return try NIOSSLContext(configuration: configuration)
    }

    static func pinnedServer(_ identity: Identity, keyLog: KeyLogHook?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: identity.certificates.map { .certificate($0) },
            privateKey: .privateKey(identity.privateKey))
        pin(&configuration)
        profile(&configuration, keyLog: keyLog)
        return try NIOSSLContext(configuration: configuration)
    }

    static func pinnedClient(_ identity: Identity, keyLog: KeyLogHook?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain = identity.certificates.map { .certificate($0) }
        configuration.privateKey = .privateKey(identity.privateKey)
        pin(&configuration)
        profile(&configuration, keyLog: keyLog)
        return try NIOSSLContext(configuration: configuration)
    }

    /// The peer must present a certificate, and no authority vouches for any: without a callback that says yes nobody gets in. An empty list of roots
    /// also saves the 13 ms that loading the system's costs.
    private static func pin(_ configuration: inout TLSConfiguration) {
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
    }

    private static func profile(_ configuration: inout TLSConfiguration, keyLog: KeyLogHook?) {
        configuration.minimumTLSVersion = .tlsv12
        configuration.maximumTLSVersion = .tlsv13
        configuration.cipherSuiteValues = CipherSuite.standard.map(\.value)
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = shutdownTimeout
        configuration.keyLogCallback = keyLog
    }
}
