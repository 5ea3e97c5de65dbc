import H248
import IqProfile
import NIOCore
import WireSyntax

/// What the Iq agent is made with.
package struct AgentSettings: Sendable {
    /// The controllers, in the order in which they are tried. Nobody else is heard.
    package var controllers: [Peer]
    /// Offered in ServiceChange.
    package var version: UInt8 = 2
    package var form: TokenForm = .long
    package var provisional = ProvisionalValues()
    /// MWD (RFC 3525 §9.2): the first ServiceChange waits a random time up to this.
    package var restartDelay = TimeAmount.milliseconds(200)
    /// Between two attempts after a controller refused.
    package var retry = TimeAmount.seconds(5)
    /// No word of the controller for so long: the association is taken for lost, and begun again with Disconnected.
    package var silence = TimeAmount.seconds(45)
    /// How long `stop` waits for the answer to its ServiceChange.
    package var farewell = TimeAmount.seconds(2)
    package var timers = TransactionTimers()
    package var limits = EngineLimits()
    /// Contexts at a time, checked before the media plane's own limit.
    package var contexts = Int.max

    package init(controllers: [Peer]) { self.controllers = controllers }

    package var engine: EngineSettings {
        // The endpoint puts the bound address in.
        EngineSettings(
            identifier: .address(.v4(0), port: 0), peers: controllers, version: version, form: form, timers: timers,
            limits: limits)
    }
}
