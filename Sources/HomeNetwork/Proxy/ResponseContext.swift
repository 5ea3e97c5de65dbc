import NIOCore
import SIP

/// The responses of one forwarded request, which may have been forked (RFC 3261 §16.7): which goes on, when the others are cancelled, Timer C.
///
/// ```
///   branch 1 ──180──▶ forward at once        branch 1 ──200──▶ forward at once, cancel the others
///   branch 2 ──486──▶ keep                   branch 2 ──6xx──▶ keep, cancel the others
///   all final, nothing forwarded ──▶ forward the best
/// ```
///
/// A value: responses, failures and the time go in, actions come out of `nextAction()`. Responses go in without the proxy's own Via.
package struct ResponseContext: Sendable {
    package typealias Branch = UInt64

    package enum Action: Hashable, Sendable {
        case forward(Response)
        case cancel(Branch)
    }

    private enum State: Hashable, Sendable {
        /// Timer C, for INVITE.
        case waiting(timerC: NIODeadline?)
        /// A CANCEL was ordered; a final response or a timeout of the transaction follows.
        case cancelled
        case final
    }

    /// More than three minutes (§16.6 step 11).
    package static let timerC: TimeAmount = .seconds(181)

    package let request: Request
    private let toTag: String
    private let isInvite: Bool
    private var branches: [Branch: State] = [:]
    private var finals: [Response] = []
    private var hasForwardedFinal = false
    private var actions = CircularBuffer<Action>()

    /// - Parameters:
    ///   - request: as received, for the responses that the proxy makes itself.
    ///   - toTag: for those.
    package init(request: Request, toTag: String) {
        self.request = request
        self.toTag = toTag
        isInvite = request.method == .invite
    }

    package mutating func add(_ branch: Branch, now: NIODeadline) {
        branches[branch] = .waiting(timerC: isInvite ? now + Self.timerC : nil)
    }

    package mutating func nextAction() -> Action? { actions.popFirst() }

    package var nextDeadline: NIODeadline? {
        branches.values.compactMap { state in
            if case .waiting(let timerC) = state { return timerC }
            return nil
        }.min()
    }

    /// Timer C (§16.8): the branch is cancelled. (A branch without a provisional response has timed out long before, by Timer B.)
    package mutating func timersDue(now: NIODeadline) {
        for (branch, state) in branches {
            if case .waiting(let timerC?) = state, timerC <= now { cancel(branch) }
        }
    }

    /// The caller has cancelled (§16.10).
    package mutating func cancel() { cancelPending() }

    /// A branch that did not end by a response: 408 in its place when it timed out, otherwise 503 (§16.7 and §16.9).
    package mutating func failed(_ branch: Branch, timedOut: Bool) {
        receive(Response.make(timedOut ? 408 : 503, to: request, toTag: toTag), on: branch, now: .distantPast)
    }

    package mutating func receive(_ response: Response, on branch: Branch, now: NIODeadline) {
        guard let state = branches[branch] else { return }
        switch response.status {
        case ..<200:
            if case .waiting(.some) = state, response.status > 100 {
                branches[branch] = .waiting(timerC: now + Self.timerC)
            }
            // §16.7 step 5: every provisional response but 100.
            if response.status > 100, !hasForwardedFinal { actions.append(.forward(response)) }
            return
        case 200..<300:
            branches[branch] = .final
            // Every 2xx to INVITE, also again and also of another branch.
            if isInvite || !hasForwardedFinal { actions.append(.forward(response)) }
            hasForwardedFinal = true
            cancelPending()
            return
        default:
            guard state != .final else { return }
            branches[branch] = .final
            finals.append(response)
            if response.status >= 600 { cancelPending() }
        }
        forwardBest()
    }

    private mutating func cancelPending() {
        // §9.1: only an INVITE is cancelled.
        guard isInvite else { return }
        for branch in branches.keys.sorted() { cancel(branch) }
    }

    private mutating func cancel(_ branch: Branch) {
        guard case .waiting = branches[branch] else { return }
        branches[branch] = .cancelled
        actions.append(.cancel(branch))
    }

    private mutating func forwardBest() {
        guard !hasForwardedFinal, branches.values.allSatisfy({ $0 == .final }) else { return }
        hasForwardedFinal = true
        guard var best = Self.best(of: finals) else { return }
        // RFC 4320 §4.2: 408 to another request than INVITE comes too late for everybody.
        if best.status == 408, !isInvite { return }
        if best.status == 503 {
            // §16.7 step 6: 503 would say that this proxy cannot serve anybody.
            best = Response.make(500, to: request, toTag: toTag)
        } else if best.status == 401 || best.status == 407 {
            // Step 7: the challenges of all branches.
            for other in finals where other != best && (other.status == 401 || other.status == 407) {
                for name in [HeaderName.wwwAuthenticate, .proxyAuthenticate] {
                    for value in other.headers.values(name) { best.headers.append(name, value) }
                }
            }
        }
        actions.append(.forward(best))
    }

    /// §16.7 step 6: a 6xx; otherwise of the lowest class, and within 4xx one that tells how to do better.
    static func best(of responses: [Response]) -> Response? {
        let helpful: [Int] = [401, 407, 415, 420, 484]
        return responses.min { one, other in rank(one, helpful) < rank(other, helpful) }
    }

    private static func rank(_ response: Response, _ helpful: [Int]) -> Int {
        if response.status >= 600 { return 0 }
        // 503 only when there is nothing else of its class, 408 likewise.
        let isLast = response.status == 503 || response.status == 408
        return response.status / 100 * 10 + (helpful.contains(response.status) ? 0 : isLast ? 2 : 1)
    }
}
