import Logging
import NIOCore
import NIOPosix

/// What every network function is given when it starts: threads, a log, a place for its events, and where to leave what Wireshark needs.
///
/// The settings of a function say *what* it does; the environment says *where* it runs. Two functions in one process (tests) get two environments over one
/// `eventLoopGroup`.
package struct FunctionEnvironment: Sendable {
    /// Where the sockets of the function live. `MultiThreadedEventLoopGroup` outside tests.
    package var eventLoopGroup: any EventLoopGroup
    package var logger: Logger
    package var events: any FlowEventSink
    /// The name of the node in ladders: `UE A`, `P-CSCF`, `IMS-AGW`, `S-CSCF`.
    package var node: String
    /// Write a pcapng of the octets at this function's sockets to this file (created 0600).
    package var capturePath: String?
    /// Append SSLKEYLOGFILE lines to this file (created 0600; several processes may share it).
    package var keyLogPath: String?

    package init(
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger,
        events: any FlowEventSink = NoEvents(), node: String, capturePath: String? = nil, keyLogPath: String? = nil
    ) {
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.events = events
        self.node = node
        self.capturePath = capturePath
        self.keyLogPath = keyLogPath
    }
}
