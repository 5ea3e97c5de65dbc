import NIOCore
import WireSyntax

/// A message of H.248.1 (RFC 3525 §8.3, Annex B.2 `megacoMessage`): a header, and an error or a list of transactions.
///
/// ```
/// MEGACO/2 [192.0.2.10]:2944
/// Transaction = 4711 { Context = $ { Add = ip/$/$/$ { … } } }
/// ```
public struct Message: Hashable, Sendable {
    /// The version in the header, 1...99.
    public var version: UInt8
    public var sender: MessageIdentifier
    /// RFC 3525 §10.2. Kept as received and not verified: Iq needs a protected network.
    public var authentication: AuthenticationHeader?
    public var body: Body

    public enum Body: Hashable, Sendable {
        case error(ErrorDescriptor)
        case transactions([TransactionItem])
    }

    public init(
        version: UInt8, sender: MessageIdentifier, authentication: AuthenticationHeader? = nil, body: Body
    ) {
        self.version = version
        self.sender = sender
        self.authentication = authentication
        self.body = body
    }
}

/// AuthenticationHeader of B.2: the hexadecimal digits of its three fields, without `0x`.
public struct AuthenticationHeader: Hashable, Sendable {
    public var securityParameterIndex: String
    public var sequenceNumber: String
    public var data: String
}

/// One of the items of a transactionList (B.2).
public enum TransactionItem: Hashable, Sendable {
    case request(TransactionRequest)
    case reply(TransactionReply)
    case pending(UInt32)
    /// TransactionResponseAck: ranges of transaction ids whose replies arrived (D.1.2.2).
    case responseAck([ClosedRange<UInt32>])
}

public struct TransactionRequest: Hashable, Sendable {
    public var id: UInt32
    public var actions: [ActionRequest]

    public init(id: UInt32, actions: [ActionRequest]) {
        self.id = id
        self.actions = actions
    }
}

public struct TransactionReply: Hashable, Sendable {
    public var id: UInt32
    /// The sender wants a TransactionResponseAck at once (D.1.4).
    public var immAckRequired: Bool
    public var body: Body

    public enum Body: Hashable, Sendable {
        case error(ErrorDescriptor)
        case actions([ActionReply])
    }

    public init(id: UInt32, immAckRequired: Bool = false, body: Body) {
        self.id = id
        self.immAckRequired = immAckRequired
        self.body = body
    }
}

/// What a context request or reply may say of the context itself (B.2 `contextProperties`, `contextAudit`).
public struct ContextProperties: Hashable, Sendable {
    public var priority: UInt16?
    public var isEmergency = false
    /// The octets between the braces of Topology, as received.
    public var topology: ByteBuffer?
    /// ContextAudit: any of topology, emergency, priority.
    public var audit: [Token] = []

    public init() {}
    public var isEmpty: Bool { priority == nil && !isEmergency && topology == nil && audit.isEmpty }
}

public struct ActionRequest: Hashable, Sendable {
    public var context: ContextID
    public var properties: ContextProperties
    public var commands: [CommandRequest]

    public init(_ context: ContextID, properties: ContextProperties = ContextProperties(), commands: [CommandRequest]) {
        self.context = context
        self.properties = properties
        self.commands = commands
    }
}

public struct ActionReply: Hashable, Sendable {
    public var context: ContextID
    public var properties: ContextProperties
    public var commands: [CommandReply]
    /// Stands alone or after the replies of the commands that were executed before the failure.
    public var error: ErrorDescriptor?

    public init(
        _ context: ContextID, properties: ContextProperties = ContextProperties(), commands: [CommandReply] = [],
        error: ErrorDescriptor? = nil
    ) {
        self.context = context
        self.properties = properties
        self.commands = commands
        self.error = error
    }
}

/// The commands of RFC 3525 §7.2.
public enum CommandKind: Hashable, Sendable {
    case add, modify, move, subtract, auditValue, auditCapabilities, notify, serviceChange

    public var token: Token {
        switch self {
        case .add: .add
        case .modify: .modify
        case .move: .move
        case .subtract: .subtract
        case .auditValue: .auditValue
        case .auditCapabilities: .auditCapability
        case .notify: .notify
        case .serviceChange: .serviceChange
        }
    }

    init?(_ token: Token) {
        switch token {
        case .add: self = .add
        case .modify: self = .modify
        case .move: self = .move
        case .subtract: self = .subtract
        case .auditValue: self = .auditValue
        case .auditCapability: self = .auditCapabilities
        case .notify: self = .notify
        case .serviceChange: self = .serviceChange
        default: return nil
        }
    }
}

public struct CommandRequest: Hashable, Sendable {
    public var kind: CommandKind
    public var termination: TerminationID
    public var descriptors: [Descriptor]
    /// `O-`: its failure does not stop the transaction (RFC 3525 §8.2.1).
    public var isOptional: Bool
    /// `W-`: one reply for all terminations that a wildcard matched.
    public var wantsWildcardedResponse: Bool

    public init(
        _ kind: CommandKind, _ termination: TerminationID, _ descriptors: [Descriptor] = [], isOptional: Bool = false,
        wantsWildcardedResponse: Bool = false
    ) {
        self.kind = kind
        self.termination = termination
        self.descriptors = descriptors
        self.isOptional = isOptional
        self.wantsWildcardedResponse = wantsWildcardedResponse
    }
}

public struct CommandReply: Hashable, Sendable {
    public var kind: CommandKind
    /// Nil in the reply to an audit of contexts, `AuditValue = Context {…}`.
    public var termination: TerminationID?
    public var descriptors: [Descriptor]
    /// The terminations of a context, when `termination` is nil.
    public var contextTerminations: [TerminationID]

    public init(
        _ kind: CommandKind, _ termination: TerminationID?, _ descriptors: [Descriptor] = [],
        contextTerminations: [TerminationID] = []
    ) {
        self.kind = kind
        self.termination = termination
        self.descriptors = descriptors
        self.contextTerminations = contextTerminations
    }
}
