import NIOCore
import NIOSSL

/// One identity and the two contexts, server and client, in which it meets peers that are known by fingerprint only.
///
/// Made once an identity, never once a session: what a session expects travels in the verifier of its connection. A session keeps the value whose
/// fingerprint it announced, also after the identity was replaced.
package struct PinnedTLS: Sendable {
    package let identity: Identity
    let server: NIOSSLContext
    let client: NIOSSLContext

    #if DEBUG
        /// Tampering on purpose, for the tests that prove that the check matters. Not in a release build.
        package var acceptAnyCertificate = false
    #endif

    package init(identity: Identity, keyLog: TLSContexts.KeyLogHook? = nil) throws {
        self.identity = identity
        server = try TLSContexts.pinnedServer(identity, keyLog: keyLog)
        client = try TLSContexts.pinnedClient(identity, keyLog: keyLog)
    }

    /// Puts TLS into a pipeline: the reader of hellos, the engine, and above it the handler that lets nothing pass before the verdict.
    ///
    /// On the channel's event loop. What stands above sees one `HandshakeOutcome` as a user inbound event. An active channel begins its handshake at once.
    /// - Parameters:
    ///   - position: where the three go, in this order; a capture tap stands before them.
    ///   - serverName: for SNI, a client's only; an address must not be given.
    ///   - deadline: bounds the handshake; nil where the owner calls `timeOut` itself.
    package func install(
        on channel: any Channel, role: HandshakeRole,
        position: ChannelPipeline.SynchronousOperations.Position = .last, serverName: String? = nil,
        deadline: HandshakeDeadline? = nil, verifier: @escaping PeerVerifier
    ) throws -> PinnedHandshake {
        channel.eventLoop.preconditionInEventLoop()
        #if DEBUG
            let judge: PeerVerifier = acceptAnyCertificate ? { _, answer in answer(.accepted) } : verifier
        #else
            let judge = verifier
        #endif
        let reader = HelloReader()
        let pinned = PinnedHandshake(role: role, reader: reader, verifier: judge)
        let callback: NIOSSLCustomVerificationCallback = { [weak pinned] certificates, promise in
            // A handler that is gone has no opinion, and no opinion is a no.
            guard let pinned else { return promise.succeed(.failed) }
            pinned.judge(certificates, promise)
        }
        let engine: NIOSSLHandler =
            switch role {
            case .server: NIOSSLServerHandler(context: server, customVerificationCallback: callback)
            case .client:
                try NIOSSLClientHandler(
                    context: client, serverHostname: serverName, customVerificationCallback: callback)
            }
        pinned.engine = engine
        pinned.begin(deadline)
        let pipeline = channel.pipeline.syncOperations
        // In this order: the engine of an active client channel writes its hello as soon as it is added.
        try pipeline.addHandler(reader, position: position)
        try pipeline.addHandler(pinned, position: .after(reader))
        try pipeline.addHandler(engine, position: .after(reader))
        return pinned
    }
}
