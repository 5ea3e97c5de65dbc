import NIOCore
import SDP
import WireSyntax

/// *Reserve AGW Connection Point*, or *Reserve and Configure* where Remote is known (TS 23.334 §6.2, Add on Iq).
package struct TerminationRequest: Hashable, Sendable {
    package var realm: Realm
    package var transport: MediaTransport
    package var local: LocalRequest
    package var remote: RemoteDescription?
    package var mode: StreamMode
    /// Source addresses besides the `c=` of Remote (`gm/saf`, `gm/sam`): the UE's Gm source address. Empty: the filter stays off.
    package var permittedSources: [IPAddress]
    /// *Latching Requirement* (`ipnapt/latch`); only on a TLS termination.
    package var latch: Bool
    /// *Notify termination heartbeat* (`hangterm/thb`).
    package var heartbeat: TimeAmount?
    /// *Notify Released Bearer* (`g/cause`).
    package var notifyRelease: Bool
    /// *Notify TCP connection establishment Failure*, *Notify (D)TLS session establishment Failure*.
    package var notifyFailures: Bool

    package init(
        realm: Realm, transport: MediaTransport, local: LocalRequest, remote: RemoteDescription? = nil,
        mode: StreamMode = .sendReceive, permittedSources: [IPAddress] = [], latch: Bool = false,
        heartbeat: TimeAmount? = nil, notifyRelease: Bool = true, notifyFailures: Bool = true
    ) {
        self.realm = realm
        self.transport = transport
        self.local = local
        self.remote = remote
        self.mode = mode
        self.permittedSources = permittedSources
        self.latch = latch
        self.heartbeat = heartbeat
        self.notifyRelease = notifyRelease
        self.notifyFailures = notifyFailures
    }
}

/// *Configure AGW Connection Point* (TS 23.334 §6.2, Modify on Iq): what is nil stays as it is.
package struct TerminationChange: Hashable, Sendable {
    package var remote: RemoteDescription?
    package var mode: StreamMode?
    package var role: ConnectionRole?
    package var permittedSources: [IPAddress]?

    package init(
        remote: RemoteDescription? = nil, mode: StreamMode? = nil, role: ConnectionRole? = nil,
        permittedSources: [IPAddress]? = nil
    ) {
        self.remote = remote
        self.mode = mode
        self.role = role
        self.permittedSources = permittedSources
    }
}
