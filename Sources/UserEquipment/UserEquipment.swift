import Logging
import NIOCore
import Observability
import SIP
import Transport
import WireSyntax

/// A UE of an IMS network for session messaging: registers, calls and is called, and exchanges messages and files over MSRP, with e2ae where both it and
/// the network have indicated it.
///
///     let ue = UserEquipment(settings: settings, environment: environment)
///     _ = try await ue.start()                                    // sockets
///     try await ue.register()
///     let report = try await ue.call(to: "sip:bob@ims.lab", messages: ["hello"], file: nil)
///     await ue.stop()                                             // BYE, de-registration
package final class UserEquipment: Sendable {
    package let settings: UserEquipmentSettings
    let environment: FunctionEnvironment

    package init(settings: UserEquipmentSettings, environment: FunctionEnvironment) {
        self.settings = settings
        self.environment = environment
    }

    /// Binds the sockets. Sends nothing.
    package func start() async throws -> [FlowEvent.Listening] { throw UserEquipmentError.stopped }

    /// Ends the calls, gives the registration back and closes everything.
    package func stop() async {}

    /// Registers, and from then on keeps the registration alive.
    @discardableResult
    package func register() async throws -> RegistrationReport { throw UserEquipmentError.stopped }

    /// What happens, for one reader: chat, `ue answer`.
    package func events() -> AsyncStream<UserEvent> { AsyncStream { $0.finish() } }

    /// Calls, waits until the media stands.
    package func dial(_ target: String) async throws -> CallHandle { throw UserEquipmentError.stopped }

    /// The next incoming call once its media stands (answered because `calls.answer` says so).
    package func nextCall() async throws -> CallHandle { throw UserEquipmentError.stopped }

    /// Calls, sends, waits for every confirmation, and hangs up.
    package func call(to target: String, messages: [String], file: String?) async throws -> CallReport {
        throw UserEquipmentError.stopped
    }
}

/// One call that stands.
package final class CallHandle: Sendable {
    package let callID: String
    /// The peer's identity, as received.
    package let peer: String

    init(callID: String, peer: String) {
        self.callID = callID
        self.peer = peer
    }

    /// Sends a message, and waits for what becomes of it.
    package func send(_ text: String) async throws -> MessageOutcome { throw UserEquipmentError.stopped }

    /// Sends a file as an attachment, and waits for what becomes of it.
    package func sendFile(_ path: String) async throws -> MessageOutcome { throw UserEquipmentError.stopped }

    package func security() async -> SecurityInfo? { nil }

    package func hangUp() async {}

    /// Waits until the call is over.
    /// - Returns: the cause.
    package func ended() async -> String { "" }
}
