import SDP
import WireSyntax

package enum AddressFamily: String, Hashable, Sendable {
    case v4, v6
}

/// What the gateway is asked to choose for itself (TS 23.334 *Local IP Resources*, *Local Connection Address Request*, *Local certificate
/// fingerprint Request*).
package struct LocalRequest: Hashable, Sendable {
    /// The MSRP URI to form: host and port are the gateway's, the session id is given.
    package struct Path: Hashable, Sendable {
        /// `msrp` or `msrps`.
        package var scheme: String
        package var sessionID: String
        package init(scheme: String, sessionID: String) {
            self.scheme = scheme
            self.sessionID = sessionID
        }
    }

    package var family: AddressFamily
    package var role: ConnectionRole
    /// Nil on an agnostic termination, or to let an aware one form its own URI.
    package var path: Path?
    /// One fingerprint of the gateway's certificate a function; empty without TLS.
    package var fingerprintHashes: [HashFunction]

    package init(
        family: AddressFamily, role: ConnectionRole, path: Path? = nil, fingerprintHashes: [HashFunction] = []
    ) {
        self.family = family
        self.role = role
        self.path = path
        self.fingerprintHashes = fingerprintHashes
    }
}

/// What the gateway chose (reply to Reserve and to Configure: *Local Connection Address*, *Local certificate fingerprint*).
package struct LocalDescription: Hashable, Sendable {
    package var endpoint: Endpoint
    package var role: ConnectionRole
    /// The gateway's own MSRP URI on this leg: what the peer there sees as `a=path`. Nil on an agnostic termination.
    package var path: String?
    package var fingerprints: [Fingerprint]

    package init(endpoint: Endpoint, role: ConnectionRole, path: String? = nil, fingerprints: [Fingerprint] = []) {
        self.endpoint = endpoint
        self.role = role
        self.path = path
        self.fingerprints = fingerprints
    }
}

/// What the gateway is told about the peer of a termination (TS 23.334 *Remote IP Resources*, *Remote certificate fingerprint*).
package struct RemoteDescription: Hashable, Sendable {
    /// From the peer's `c=`. A name is not resolved: the gateway then knows no address.
    package var address: Host?
    /// From the peer's `m=`; 9 is known, and means that the peer connects.
    package var port: UInt16?
    /// The peer's `a=path`, leftmost URI first; empty on an agnostic termination.
    package var paths: [String]
    /// As the peer sent it.
    package var setup: Setup?
    /// Every fingerprint that the SDP gave; replaced as a set.
    package var fingerprints: [Fingerprint]

    package init(
        address: Host? = nil, port: UInt16? = nil, paths: [String] = [], setup: Setup? = nil,
        fingerprints: [Fingerprint] = []
    ) {
        self.address = address
        self.port = port
        self.paths = paths
        self.setup = setup
        self.fingerprints = fingerprints
    }
}
