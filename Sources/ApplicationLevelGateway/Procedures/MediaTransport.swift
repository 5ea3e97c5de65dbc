/// The transport of a termination, as the m-line of its Local and Remote says it (TS 23.334 §5.16, §5.19).
///
/// | transport | TLS ends here | the gateway reads MSRP |
/// |---|---|---|
/// | `TCP` | no | no |
/// | `TCP/TLS` | yes | no |
/// | `TCP/MSRP` | no | yes |
/// | `TCP/TLS/MSRP` | yes | yes |
package struct MediaTransport: Hashable, Sendable, CustomStringConvertible {
    /// The gateway is an end of TLS on this side.
    package var isTLS: Bool
    /// Application-aware: the gateway is an MSRP B2BUA. Agnostic otherwise.
    package var isAware: Bool

    package init(isTLS: Bool, isAware: Bool) {
        self.isTLS = isTLS
        self.isAware = isAware
    }

    /// From `TCP`, `TCP/TLS`, `TCP/MSRP` or `TCP/TLS/MSRP`, in any case.
    package init?(proto: some StringProtocol) {
        switch proto.uppercased() {
        case "TCP": self.init(isTLS: false, isAware: false)
        case "TCP/TLS": self.init(isTLS: true, isAware: false)
        case "TCP/MSRP": self.init(isTLS: false, isAware: true)
        case "TCP/TLS/MSRP": self.init(isTLS: true, isAware: true)
        default: return nil
        }
    }

    package var proto: String { "TCP" + (isTLS ? "/TLS" : "") + (isAware ? "/MSRP" : "") }
    package var description: String { proto }
}

/// The side of the gateway on which a termination stands (`ipdc/realm`, H.248.41).
package enum Realm: String, Hashable, Sendable, CaseIterable {
    case access, core
}

/// The gateway's own role on a termination, `a=setup` of Local: active opens TCP and is TLS client (TS 23.334 §6.2.10.3, *Establish (D)TLS session*).
package enum ConnectionRole: String, Hashable, Sendable {
    case active, passive
}

/// `Mode` of LocalControl (H.248.1 §7.1.7).
package enum StreamMode: String, Hashable, Sendable {
    case inactive, sendOnly, receiveOnly, sendReceive
}
