import FoundationEssentials
import NIOCore
import WireSyntax

/// One call that stands.
package final class CallHandle: Sendable {
    package let callID: String
    /// The peer's identity, as received.
    package let peer: String
    private let agent: UserAgent

    init(_ agent: UserAgent, callID: String, peer: String) {
        self.agent = agent
        self.callID = callID
        self.peer = peer
    }

    /// Sends a message, and waits for what becomes of it.
    package func send(_ text: String) async throws -> MessageOutcome {
        let now = Date().formatted(.iso8601)
        return await withCheckedContinuation { continuation in
            agent.eventLoop.execute { [agent, callID, peer] in
                guard let session = agent.calls[callID]?.session else {
                    return continuation.resume(returning: .failed("the call is over"))
                }
                session.send(text, from: agent.spokenIdentity, to: peer, now: now) {
                    continuation.resume(returning: $0)
                }
            }
        }
    }

    /// Sends a file as an attachment, and waits for what becomes of it.
    /// - Throws: `UserEquipmentError.file` where it cannot be read.
    package func sendFile(_ path: String) async throws -> MessageOutcome {
        await send(try FileSource(path, eventLoop: agent.eventLoop, pool: agent.media.pool))
    }

    func send(_ source: FileSource) async -> MessageOutcome {
        await withCheckedContinuation { continuation in
            agent.eventLoop.execute { [agent, callID] in
                guard let session = agent.calls[callID]?.session else {
                    return continuation.resume(returning: .failed("the call is over"))
                }
                session.send(file: source) { continuation.resume(returning: $0) }
            }
        }
    }

    /// Changes the call, and waits until that stands, with a new connection where it makes one.
    /// - Returns: nil, or why the call goes on as it was.
    package func change(_ change: CallChange) async -> String? {
        await withCheckedContinuation { continuation in
            agent.eventLoop.execute { [agent, callID] in
                agent.change(change, of: callID) { continuation.resume(returning: $0) }
            }
        }
    }

    package func security() async -> SecurityInfo? {
        await withCheckedContinuation { continuation in
            agent.eventLoop.execute { [agent, callID] in
                continuation.resume(returning: agent.calls[callID]?.security)
            }
        }
    }

    /// Sends BYE and waits until the call is over.
    package func hangUp() async {
        await withCheckedContinuation { continuation in
            agent.eventLoop.execute { [agent, callID] in
                guard let active = agent.calls[callID] else { return continuation.resume() }
                active.ending.append { _ in continuation.resume() }
                active.call.hangUp("hung up", now: agent.eventLoop.now)
                agent.perform(active)
            }
        }
    }

    /// Waits until the call is over.
    /// - Returns: the cause.
    package func ended() async -> String {
        await withCheckedContinuation { continuation in
            agent.eventLoop.execute { [agent, callID] in
                guard let active = agent.calls[callID] else { return continuation.resume(returning: "over") }
                active.ending.append { continuation.resume(returning: $0.text) }
            }
        }
    }
}
