import H248
import IqProfile
import NIOCore
import WireSyntax

/// What the controller's side of Iq is made with. `engine` makes the settings of the `H248Endpoint` under it.
package struct GatewayControlSettings: Sendable {
    /// The gateways that are heard and used; nobody else is.
    package var gateways: [Peer]
    /// The highest version that is agreed to; TS 29.334 asks for 2.
    package var version: UInt8 = 2
    package var form: TokenForm = .long
    package var provisional = ProvisionalValues()
    /// Between two audits of a gateway's ROOT (iq-h248 7). UDP has no other sign of life.
    package var supervision = TimeAmount.seconds(10)
    package var timers = TransactionTimers()
    package var limits = EngineLimits()

    package init(gateways: [Peer]) { self.gateways = gateways }

    package var engine: EngineSettings {
        // The endpoint puts the bound address in.
        EngineSettings(
            identifier: .address(.v4(0), port: 0), peers: gateways, version: version, form: form, timers: timers,
            limits: limits)
    }
}
