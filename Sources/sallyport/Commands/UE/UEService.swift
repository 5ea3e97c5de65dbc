import Logging
import UserEquipment

extension FunctionService {
    /// A UE as a service: sockets and registration first, then what it was started for.
    static func ue(_ ue: UserEquipment, _ logger: Logger, _ body: @escaping @Sendable () async throws -> Void)
        -> FunctionService
    {
        FunctionService(
            start: {
                let sockets = try await ue.start()
                _ = try await ue.register()
                return sockets
            }, stop: { await ue.stop() }, logger: logger, body: body)
    }
}
