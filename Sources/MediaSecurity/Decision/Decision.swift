/// What e2ae makes of one offered line, why, and where that is written.
package struct Decision: Hashable, Sendable, CustomStringConvertible {
    package enum Outcome: String, Hashable, Sendable, CaseIterable {
        /// TLS between UE and gateway, plain towards the core.
        case e2ae
        /// TLS goes through the gateway untouched.
        case transparent
        /// Plain on both sides.
        case plain
        /// The line is not accepted: port 0, or a final response where no line is left.
        case refuse
    }

    /// With which final response a line is refused where no other is acceptable (RFC 3261 §21.4.26, §21.5.4).
    package enum Refusal: Int, Hashable, Sendable {
        case notAcceptableHere = 488
        /// With Retry-After.
        case serviceUnavailable = 503
    }

    package var outcome: Outcome
    /// For people, without a final full stop.
    package var reason: String
    /// Specification and clause, or the project's own rule.
    package var clause: String
    /// Set exactly when the outcome is `refuse`.
    package var refusal: Refusal?
    /// The request for e2ae was passed on as U4 says.
    package var isByU4 = false
    /// To be logged and counted: security that both sides know was not asked for, or could not be given.
    package var isNoteworthy = false

    package init(
        _ outcome: Outcome, _ reason: String, clause: String, refusal: Refusal? = nil, isByU4: Bool = false,
        isNoteworthy: Bool = false
    ) {
        self.outcome = outcome
        self.reason = reason
        self.clause = clause
        self.refusal = refusal
        self.isByU4 = isByU4
        self.isNoteworthy = isNoteworthy
    }

    /// What the line is once the offer was accepted.
    package var mode: LineMode {
        switch outcome {
        case .e2ae: .e2ae
        case .plain: .plain
        case .transparent: isByU4 ? .transparentByU4 : .transparent
        case .refuse: .off
        }
    }

    package var description: String { "\(outcome.rawValue): \(reason) [\(clause)]" }
}
