import MediaSecurity
import NIOCore
import SDP
import WireSyntax

/// What holds for the media of one call through a P-CSCF, fixed when its dialog begins: the registration's indications as they were then, and the
/// operator's policy for this access.
package struct CallMediaSettings: Hashable, Sendable {
    /// U: the served UE indicated `msrp-tls` over protected Gm.
    package var ueIndicated: Bool
    /// N: what the network indicated in that registration, not what is configured today.
    package var networkIndicated: Bool
    /// R of this UE, and whether it gets a plain offer after it refused TLS that was offered under R.
    package var rcs51 = RCS51Option.off
    package var allowsFallback = false
    package var strict = false
    /// U4
    package var unhonouredRequest = Provisional.unhonouredRequest
    /// U2: whether the answer to a UE that requested e2ae carries `a=3ge2ae:applied`.
    package var appliedInAnswers = Provisional.appliedInAnswers
    package var fingerprints = FingerprintPolicy.standard
    package var content = ContentPolicy()
    /// What the gateway is asked to hash its certificate with (RFC 8122 §5: SHA-256 at least).
    package var localHashes: [HashFunction] = [.sha256]
    /// The address from which the UE's signalling comes: its media may come from there too (`gm/sam`), whatever its `c=` says.
    package var ueSource: IPAddress?
    /// Where no address says it.
    package var accessFamily = AddressFamily.v4
    package var coreFamily = AddressFamily.v4
    /// A fingerprint widens the source rule on TLS terminations.
    package var latch = false
    package var heartbeat: TimeAmount? = .minutes(10)
    /// Seconds in Retry-After of a 503.
    package var retryAfter = 10

    package init(ueIndicated: Bool, networkIndicated: Bool, ueSource: IPAddress? = nil) {
        self.ueIndicated = ueIndicated
        self.networkIndicated = networkIndicated
        self.ueSource = ueSource
        if let ueSource { accessFamily = ueSource.isV6 ? .v6 : .v4 }
    }
}
