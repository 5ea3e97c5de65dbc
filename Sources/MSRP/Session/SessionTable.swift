import NIOCore
import WireSyntax

/// The sessions behind one listener, and the connection to which each is bound (RFC 4975 §5.4, §7.3).
public struct SessionTable<Key: Hashable & Sendable>: Sendable {
    public enum Verdict: Hashable, Sendable {
        /// The request belongs to this session, which is now bound to the connection.
        case session(Key)
        /// Answer with this status: 481 or 506, 400 where the path cannot be read.
        case refuse(UInt16)
    }

    private var sessions: [MSRPURI: (key: Key, connection: UInt64?)] = [:]

    public init() {}

    /// - Returns: false where the URI is in use.
    public mutating func add(_ own: MSRPURI, key: Key) -> Bool {
        guard sessions[own] == nil else { return false }
        sessions[own] = (key, nil)
        return true
    }

    public mutating func remove(_ own: MSRPURI) { sessions[own] = nil }

    /// The session no longer has this connection, and may be bound to another one only by new signalling: remove it as well.
    public mutating func connectionLost(_ connection: UInt64) -> [Key] {
        let lost = sessions.filter { $0.value.connection == connection }
        for uri in lost.keys { sessions[uri] = nil }
        return lost.values.map(\.key)
    }

    /// RFC 4975 §7.3: whose request this is. The first one binds the session to its connection.
    public mutating func admit(_ head: RequestHead, connection: UInt64) -> Verdict {
        guard let path = try? parsePath(head.toPath) else { return .refuse(400) }
        guard path.count == 1, let entry = sessions[path[0]] else { return .refuse(481) }
        if let bound = entry.connection {
            return bound == connection ? .session(entry.key) : .refuse(506)
        }
        sessions[path[0]] = (entry.key, connection)
        return .session(entry.key)
    }
}
