import MSRP
import NIOCore
import WireSyntax

/// One direction of an application-aware relay (TS 23.334 §5.19): an MSRP B2BUA that gives each request, response and report the paths of the other leg
/// while its body streams through. Never holds a message.
///
/// ```
///   peer ── To: own(in)   From: peer(in) ──▶ AwareDirection ── To: peer(out)  From: own(out) ──▶ other peer
///    ▲                                           │
///    └──────────── 481, 400 (answers) ───────────┘
/// ```
/// Transaction ids stay, so that responses need no state: the two legs of a session are one conversation. A request whose To-Path is not this session's,
/// or whose From-Path is not the peer's, is answered 481 and goes nowhere (A9); a malformed one 400.
struct AwareDirection {
    private var from: SessionPaths
    private var to: SessionPaths
    private let isObserved: Bool
    private let waitingLimit: Int
    private var decoder = MSRPDecoder()
    /// The request whose body passes or is dropped.
    private var current: (head: RequestHead, isForwarded: Bool)?
    private var observed: PassedMessage?
    /// Transactions of other methods than SEND, whose responses carry the whole path where a relay stands before the peer.
    private var otherTransactions: [Ident] = []
    /// Answers to the peer on the other leg, which wait for the end of the chunk that is going out there.
    private var waiting: [ByteBuffer] = []
    private var output = RelayOutput()
    /// The rest of the current request is dropped because its connection is gone, not because it was refused.
    private var isCut = false

    /// For the peer on the leg that the octets came from.
    private(set) var answers: [ByteBuffer] = []
    private(set) var passed: [PassedMessage] = []
    /// Messages that were not passed on.
    private(set) var refusals = 0

    static let maximumOtherTransactions = 64

    init(from: SessionPaths, to: SessionPaths, isObserved: Bool, waitingLimit: Int) {
        self.from = from
        self.to = to
        self.isObserved = isObserved
        self.waitingLimit = waitingLimit
    }

    /// A request is going out and its end-line has not been written: nothing else may be put between.
    private var isInChunk: Bool { current?.isForwarded == true }

    /// Takes what was read on one leg.
    ///
    /// - Returns: what to write on the other, in order.
    /// - Throws: where the stream cannot be read any further: the connection is of no more use.
    mutating func feed(_ octets: ByteBuffer) throws(SyntaxError) -> [ByteBuffer] {
        decoder.feed(octets)
        while let event = try decoder.next() {
            switch event {
            case .head(let head): request(head)
            case .body(let slice):
                observed?.bytes += slice.readableBytes
                if isInChunk { output.append(slice) }
            case .end(let flag): end(flag)
            case .response(let head): response(head)
            case .malformed(let message): malformed(message)
            }
        }
        // An idle decoder would keep the buffer of its last read alive.
        if decoder.isIdle { decoder = MSRPDecoder() }
        return output.take()
    }

    /// What was already turned over when `feed` threw: whole messages before the fault.
    mutating func takeCollected() -> [ByteBuffer] { output.take() }

    /// The connection that this direction reads from is gone. A chunk that is going out is given up with `#` (RFC 4975 §7.1), so that what follows on
    /// the other leg is not taken for its body.
    mutating func abort() -> [ByteBuffer] {
        guard let current, current.isForwarded else { return [] }
        self.current = nil
        observed = nil
        output.write { current.head.writeEnd(.aborted, into: &$0) }
        writeWaiting()
        return output.take()
    }

    /// An answer of the gateway itself for the peer that this direction writes to.
    ///
    /// - Returns: false where too many wait: that peer sends nonsense and reads nothing.
    mutating func insert(_ answer: ByteBuffer) -> Bool {
        guard waiting.count < waitingLimit else { return false }
        waiting.append(answer)
        return true
    }

    /// What `insert` gave and may be written now.
    mutating func takeInserted() -> [ByteBuffer] {
        if !isInChunk { writeWaiting() }
        return output.take()
    }

    mutating func takeAnswers() -> [ByteBuffer] {
        defer { answers = [] }
        return answers
    }

    mutating func takePassed() -> [PassedMessage] {
        defer { passed = [] }
        return passed
    }

    /// The paths changed, or the connection that this direction writes to is another one. What was going out in the middle of a chunk goes nowhere then.
    mutating func update(from: SessionPaths, to: SessionPaths, isNewConnection: Bool) {
        self.from = from
        self.to = to
        guard isNewConnection else { return }
        current?.isForwarded = false
        isCut = current != nil
        waiting = []
        _ = output.take()
    }

    // MARK: Messages

    private mutating func request(_ head: RequestHead) {
        let isForwarded = from.isOwn(head.toPath) && from.isPeer(head.fromPath)
        current = (head, isForwarded)
        if isForwarded {
            output.write { head.write(into: &$0, toPath: to.peerText, fromPath: to.ownText) }
            if to.peer.count > 1 || from.peer.count > 1, head.method != .send, head.method != .report {
                if otherTransactions.count == AwareDirection.maximumOtherTransactions {
                    otherTransactions.removeFirst()
                }
                otherTransactions.append(head.transactionID)
            }
        }
        if isObserved { observed = PassedMessage(head, sent: isForwarded ? (to.peerText, to.ownText) : nil) }
    }

    private mutating func end(_ flag: ContinuationFlag) {
        guard let (head, isForwarded) = current else { return }
        current = nil
        if isForwarded {
            output.write { head.writeEnd(flag, into: &$0) }
            writeWaiting()
        } else if isCut {
            isCut = false
        } else {
            refusals += 1
            if head.method != .report, head.effectiveFailureReport != .no {
                answer(ResponseHead(481, to: head, own: firstURI(of: head.toPath)))
            }
        }
        if let message = observed { passed.append(message) }
        observed = nil
    }

    private mutating func response(_ head: ResponseHead) {
        let isForwarded = from.isOwn(head.toPath) && from.isPeerResponse(head.fromPath)
        let path = answersOther(head.transactionID) ? to.peerText : to.firstPeerText
        if isForwarded {
            output.write { head.write(into: &$0, toPath: path, fromPath: to.ownText) }
            writeWaiting()
        } else {
            refusals += 1
        }
        if isObserved { passed.append(PassedMessage(head, sent: isForwarded ? (path, to.ownText) : nil)) }
    }

    private mutating func malformed(_ message: MalformedMessage) {
        refusals += 1
        guard message.isAnswerable, let transaction = message.transactionID, let source = message.fromPath else {
            return
        }
        answer(
            ResponseHead(
                transactionID: transaction, status: 400, comment: ResponseHead.comment(400),
                toPath: message.method == .send ? firstURI(of: source) : source,
                fromPath: message.toPath.map { firstURI(of: $0) } ?? from.ownText))
    }

    private mutating func answer(_ head: ResponseHead) {
        var buffer = ByteBuffer()
        head.write(into: &buffer)
        answers.append(buffer)
    }

    private mutating func writeWaiting() {
        for answer in waiting { output.append(answer) }
        waiting = []
    }

    /// The transaction was begun by the other direction: it is told by `expectOther`.
    private func answersOther(_ transaction: Ident) -> Bool { expected.contains(transaction) }
    private var expected: [Ident] = []

    /// Transactions of other methods that the opposite direction has passed on.
    mutating func takeOtherTransactions() -> [Ident] {
        defer { otherTransactions = [] }
        return otherTransactions
    }

    mutating func expectOther(_ transactions: [Ident]) {
        expected = Array((expected + transactions).suffix(AwareDirection.maximumOtherTransactions))
    }
}
