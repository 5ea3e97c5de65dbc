import ApplicationLevelGateway
import Glibc
import MSRP
import MediaSecurity
import NIOCore
import NIOPosix
import SDP
import Transport
import WireSyntax

/// What a termination holds for its life: its port, its place in the SDP, the certificate whose fingerprint it gave.
struct TerminationResources {
    let listener: any Channel
    let local: LocalDescription
    let tls: PinnedTLS?
    let ownURI: MSRPURI?
    let policy: AddressPolicy
    var statistics = TerminationStatistics()

    /// Connections that the kernel completes before we accept them.
    static let backlog: Int32 = 16
    /// Ports tried in a configured range before a 510.
    static let portAttempts = 64

    /// Ports of the range in a random order: who guesses the next session's port should be wrong.
    static func candidates(in range: ClosedRange<UInt16>) -> [UInt16] {
        (0..<portAttempts).map { _ in UInt16.random(in: range) }
    }

    /// Everything that can be refused before a port is bound.
    struct Reservation {
        let request: TerminationRequest
        let address: IPAddress
        let tls: PinnedTLS?
        let fingerprints: [Fingerprint]
        let policy: AddressPolicy

        init(_ request: TerminationRequest, settings: MediaSettings, identity: PinnedTLS?) throws(GatewayFailure) {
            self.request = request
            guard let address = settings.address(request.realm, request.local.family) else {
                throw GatewayFailure(code: 449, text: "realm \(request.realm.rawValue) has no address of this family")
            }
            self.address = address
            policy = AddressPolicy(
                local: address,
                forbidden: settings.forbiddenAddresses
                    + settings.addresses.filter { $0.key != request.realm }.flatMap(\.value))
            guard request.transport.isTLS else {
                tls = nil
                fingerprints = []
                return
            }
            guard let tls = identity else {
                throw GatewayFailure(code: 500, text: "realm \(request.realm.rawValue) has no certificate")
            }
            self.tls = tls
            var fingerprints: [Fingerprint] = []
            let hashes = request.local.fingerprintHashes
            for hash in hashes.isEmpty ? [.sha256] : hashes {
                guard settings.fingerprints.hashes.contains(hash), let value = tls.identity.fingerprint(hash) else {
                    throw GatewayFailure(code: 449, text: "no fingerprints with \(hash)")
                }
                fingerprints.append(value)
            }
            self.fingerprints = fingerprints
        }

        func resources(listener: any Channel, endpoint: Endpoint) -> TerminationResources {
            let uri = request.transport.isAware ? ownURI(endpoint) : nil
            return TerminationResources(
                listener: listener,
                local: LocalDescription(
                    endpoint: endpoint, role: request.local.role, path: uri?.description, fingerprints: fingerprints),
                tls: tls, ownURI: uri, policy: policy)
        }

        /// Unguessable: 128 random bits, unless the session id was given.
        private func ownURI(_ endpoint: Endpoint) -> MSRPURI {
            let path = request.local.path
            let random = { String(UInt64.random(in: .min ... .max), radix: 36) }
            return MSRPURI(
                isSecure: path.map { $0.scheme == "msrps" } ?? request.transport.isTLS,
                host: .address(endpoint.address), port: endpoint.port, sessionID: path?.sessionID ?? random() + random()
            )
        }
    }
}

extension ServerBootstrap {
    func mediaOptions() -> ServerBootstrap {
        childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.recvAllocator, value: ReceiveBuffers())
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.writeBufferWaterMark, value: MediaChannel.waterMark)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(MediaChannel.keepAliveIdle), value: MediaChannel.keepAliveSeconds)
            .childChannelOption(.tcpOption(MediaChannel.keepAliveInterval), value: MediaChannel.keepAliveProbeSeconds)
    }
}

extension ClientBootstrap {
    func mediaOptions() -> ClientBootstrap {
        channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.recvAllocator, value: ReceiveBuffers())
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.writeBufferWaterMark, value: MediaChannel.waterMark)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(MediaChannel.keepAliveIdle), value: MediaChannel.keepAliveSeconds)
            .channelOption(.tcpOption(MediaChannel.keepAliveInterval), value: MediaChannel.keepAliveProbeSeconds)
    }
}

enum MediaChannel {
    /// Reading on one leg pauses when this much waits on the other (performance.md).
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 512 * 1024, high: 1024 * 1024)

    /// A peer that vanished without a word is found out by TCP: after this much silence, then by probes.
    static let keepAliveSeconds: Int = 60
    static let keepAliveProbeSeconds: Int = 10
    static let keepAliveIdle = NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)
    static let keepAliveInterval = NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)
}
