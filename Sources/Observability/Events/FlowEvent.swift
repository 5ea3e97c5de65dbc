import WireSyntax

/// One thing that a network function saw or decided, with the keys that were on the wire.
///
/// The ladder, the report, the captures and whatever reads `--events` are readers of this one stream. Readers join events by Call-ID, by gateway context
/// and termination, by MSRP session and by addresses; where a function knows two of these keys together it says so once in `.link`.
///
/// No event carries a key, a password or the content of a message. A peer's text is given as received; readers escape it (`displayEscaped`).
public struct FlowEvent: Sendable, Codable, Hashable {
    /// Nanoseconds since 1970-01-01T00:00:00Z of the machine's clock, so that streams of several processes can be merged.
    public var time: Int64
    /// The node that saw it, as a ladder names it: `UE A`, `P-CSCF`, `IMS-AGW`, `S-CSCF`.
    public var node: String
    public var what: What

    public init(time: Int64, node: String, what: What) {
        self.time = time
        self.node = node
        self.what = what
    }

    public enum What: Sendable, Codable, Hashable {
        /// A socket is bound and ready. Named `gm`, `mw`, `iq`, `access`, `core`, ….
        case listening(Listening)
        /// A SIP message was sent or received.
        case sip(Signalling)
        /// An H.248 message was sent or received.
        case h248(GatewayMessage)
        /// A TCP connection of the media plane or of SIP was opened, refused or closed.
        case connection(Connection)
        /// A TLS handshake ended, one way or the other.
        case tls(Handshake)
        /// An MSRP request or response was sent or received (relays report the ones they pass in aware mode).
        case msrp(MessageSession)
        /// MediaSecurity decided.
        case decision(Decision)
        /// Two keys belong together.
        case link(Link)
        /// A registration, a call, a message or a file reached a state that a user would name.
        case milestone(Milestone)
        /// Something was refused and counted without an answer: a stranger's connection, a foreign controller.
        case refused(Refusal)
        /// What the operator should know: a loosened setting, a limit reached.
        case warning(String)
    }

    public enum Direction: String, Sendable, Codable, Hashable { case sent, received }

    public struct Listening: Sendable, Codable, Hashable {
        public var name: String
        /// `udp`, `tcp`, `tls`.
        public var transport: String
        public var local: String
        public init(name: String, transport: String, local: String) {
            self.name = name
            self.transport = transport
            self.local = local
        }
    }

    public struct Signalling: Sendable, Codable, Hashable {
        public var direction: Direction
        /// `udp`, `tcp`, `tls`.
        public var transport: String
        public var local: String
        public var remote: String
        /// `INVITE sip:b@ims.lab SIP/2.0` or `SIP/2.0 200 OK`.
        public var startLine: String
        public var callID: String?
        public var fromTag: String?
        public var toTag: String?
        /// `1 INVITE`.
        public var cSeq: String?
        /// The header and SDP lines that a decision rests on: Security-*, Path, m=, a=setup, a=fingerprint, a=3ge2ae, a=path, Reason, ….
        public var lines: [String]
        public init(
            direction: Direction, transport: String, local: String, remote: String, startLine: String, callID: String?,
            fromTag: String?, toTag: String?, cSeq: String?, lines: [String]
        ) {
            self.direction = direction
            self.transport = transport
            self.local = local
            self.remote = remote
            self.startLine = startLine
            self.callID = callID
            self.fromTag = fromTag
            self.toTag = toTag
            self.cSeq = cSeq
            self.lines = lines
        }
    }

    public struct GatewayMessage: Sendable, Codable, Hashable {
        public var direction: Direction
        public var transport: String
        public var local: String
        public var remote: String
        /// `Transaction 17: Add ip/1/1/1` or `Reply 17: Add ip/1/1/1`, `Error 441`.
        public var summary: String
        public var transaction: UInt32?
        public var context: UInt32?
        public var terminations: [String]
        public var lines: [String]
        public init(
            direction: Direction, transport: String, local: String, remote: String, summary: String,
            transaction: UInt32?, context: UInt32?, terminations: [String], lines: [String]
        ) {
            self.direction = direction
            self.transport = transport
            self.local = local
            self.remote = remote
            self.summary = summary
            self.transaction = transaction
            self.context = context
            self.terminations = terminations
            self.lines = lines
        }
    }

    public struct Connection: Sendable, Codable, Hashable {
        public enum State: String, Sendable, Codable, Hashable { case connecting, connected, accepted, failed, closed }
        public var state: State
        public var local: String
        public var remote: String
        /// `gm`, `mw`, `access`, `core`, `msrp`.
        public var leg: String
        public var context: UInt32?
        public var termination: String?
        public var callID: String?
        /// Octets of payload by direction, when closed.
        public var bytesReceived: Int?
        public var bytesSent: Int?
        public var reason: String?
        public init(
            state: State, local: String, remote: String, leg: String, context: UInt32? = nil,
            termination: String? = nil, callID: String? = nil, bytesReceived: Int? = nil, bytesSent: Int? = nil,
            reason: String? = nil
        ) {
            self.state = state
            self.local = local
            self.remote = remote
            self.leg = leg
            self.context = context
            self.termination = termination
            self.callID = callID
            self.bytesReceived = bytesReceived
            self.bytesSent = bytesSent
            self.reason = reason
        }
    }

    public struct Handshake: Sendable, Codable, Hashable {
        public enum Role: String, Sendable, Codable, Hashable { case client, server }
        public var role: Role
        /// `accepted`: the peer was checked and is right. Anything else closed the connection.
        public var accepted: Bool
        public var local: String
        public var remote: String
        /// `gm`, `access`, `msrp`.
        public var leg: String
        /// `TLS 1.3`, and the suite's IANA name, as read from the ServerHello.
        public var version: String?
        public var cipher: String?
        /// Hexadecimal, 64 digits, lower case.
        public var clientRandom: String?
        /// `SHA-256 AB:…` as the SDP gave them; empty where names and a CA decide (Gm).
        public var expectedFingerprints: [String]
        /// `SHA-256 AB:…` of the certificate that the peer presented, if it did.
        public var peerFingerprint: String?
        public var ownFingerprint: String?
        public var context: UInt32?
        public var termination: String?
        public var callID: String?
        public var reason: String?
        public init(
            role: Role, accepted: Bool, local: String, remote: String, leg: String, version: String? = nil,
            cipher: String? = nil, clientRandom: String? = nil, expectedFingerprints: [String] = [],
            peerFingerprint: String? = nil, ownFingerprint: String? = nil, context: UInt32? = nil,
            termination: String? = nil, callID: String? = nil, reason: String? = nil
        ) {
            self.role = role
            self.accepted = accepted
            self.local = local
            self.remote = remote
            self.leg = leg
            self.version = version
            self.cipher = cipher
            self.clientRandom = clientRandom
            self.expectedFingerprints = expectedFingerprints
            self.peerFingerprint = peerFingerprint
            self.ownFingerprint = ownFingerprint
            self.context = context
            self.termination = termination
            self.callID = callID
            self.reason = reason
        }
    }

    public struct MessageSession: Sendable, Codable, Hashable {
        public var direction: Direction
        public var local: String
        public var remote: String
        /// `SEND`, `REPORT`, `200 OK`.
        public var summary: String
        public var transactionID: String
        public var messageID: String?
        public var byteRange: String?
        /// Octets of body in this chunk.
        public var bytes: Int
        public var toPath: String?
        public var fromPath: String?
        public var contentType: String?
        /// `msrp` at an end; `access` or `core` at a gateway.
        public var leg: String
        public var context: UInt32?
        public var callID: String?
        public init(
            direction: Direction, local: String, remote: String, summary: String, transactionID: String,
            messageID: String? = nil, byteRange: String? = nil, bytes: Int = 0, toPath: String? = nil,
            fromPath: String? = nil, contentType: String? = nil, leg: String, context: UInt32? = nil,
            callID: String? = nil
        ) {
            self.direction = direction
            self.local = local
            self.remote = remote
            self.summary = summary
            self.transactionID = transactionID
            self.messageID = messageID
            self.byteRange = byteRange
            self.bytes = bytes
            self.toPath = toPath
            self.fromPath = fromPath
            self.contentType = contentType
            self.leg = leg
            self.context = context
            self.callID = callID
        }
    }

    public struct Decision: Sendable, Codable, Hashable {
        public var callID: String?
        /// `originating` or `terminating`.
        public var direction: String
        /// `e2ae`, `transparent`, `plain`, `refuse`.
        public var outcome: String
        public var reason: String
        public var clause: String
        /// Index of the m= line, from 0.
        public var media: Int
        public init(
            callID: String?, direction: String, outcome: String, reason: String, clause: String, media: Int
        ) {
            self.callID = callID
            self.direction = direction
            self.outcome = outcome
            self.reason = reason
            self.clause = clause
            self.media = media
        }
    }

    public struct Link: Sendable, Codable, Hashable {
        public var callID: String?
        public var gateway: String?
        public var context: UInt32?
        public var msrpSession: String?
        public init(callID: String? = nil, gateway: String? = nil, context: UInt32? = nil, msrpSession: String? = nil) {
            self.callID = callID
            self.gateway = gateway
            self.context = context
            self.msrpSession = msrpSession
        }
    }

    public struct Milestone: Sendable, Codable, Hashable {
        public enum Name: String, Sendable, Codable, Hashable {
            case registered, registrationFailed, deregistered
            case gatewayRegistered, gatewayLost
            case ringing, established, ended, callFailed
            /// Offer and answer of a standing call were renewed; `detail`: by whom, what, and whether with a new connection.
            case changed
            /// A standing call has a new media connection.
            case reestablished
            /// `detail`: what the receiver got; `bytes`: its size; `digest`: SHA-256 in lower-case hex.
            case messageReceived, fileReceived
            /// `confirmed` by a 200 or a Success-Report; `messageFailed` with the reason.
            case messageSent, messageConfirmed, messageFailed
            /// `bytes` of `total` so far.
            case progress
        }
        public var name: Name
        public var callID: String?
        public var messageID: String?
        /// Who, or why: an identity, a cause. Never the text of a message.
        public var detail: String?
        public var bytes: Int?
        public var total: Int?
        public var digest: String?
        public init(
            _ name: Name, callID: String? = nil, messageID: String? = nil, detail: String? = nil, bytes: Int? = nil,
            total: Int? = nil, digest: String? = nil
        ) {
            self.name = name
            self.callID = callID
            self.messageID = messageID
            self.detail = detail
            self.bytes = bytes
            self.total = total
            self.digest = digest
        }
    }

    public struct Refusal: Sendable, Codable, Hashable {
        /// `stranger`, `foreignController`, `foreignGateway`, `unregistered`, `limit`.
        public var kind: String
        public var remote: String
        public var local: String?
        public var reason: String
        /// How many of this kind the function has refused since it started.
        public var count: Int
        public init(kind: String, remote: String, local: String? = nil, reason: String, count: Int) {
            self.kind = kind
            self.remote = remote
            self.local = local
            self.reason = reason
            self.count = count
        }
    }
}

/// Where a function puts its events. Cheap when nobody listens: `isEnabled` first, then build the event.
public protocol FlowEventSink: Sendable {
    var isEnabled: Bool { get }
    func emit(_ what: FlowEvent.What)
}

/// Nobody listens.
public struct NoEvents: FlowEventSink {
    public init() {}
    public var isEnabled: Bool { false }
    public func emit(_ what: FlowEvent.What) {}
}
