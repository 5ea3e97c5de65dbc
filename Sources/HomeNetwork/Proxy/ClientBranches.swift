import SIP

/// Which client transaction carries which branch; a branch waits for its connection before it has one.
struct ClientBranches: Sendable {
    typealias Branch = ResponseContext.Branch

    private enum State: Sendable {
        case opening(isCancelled: Bool)
        case sent(TransactionID)
    }

    private var states: [Branch: State] = [:]
    private var branches: [TransactionID: Branch] = [:]

    mutating func open(_ branch: Branch) { states[branch] = .opening(isCancelled: false) }

    mutating func sent(_ branch: Branch, as transaction: TransactionID) {
        states[branch] = .sent(transaction)
        branches[transaction] = branch
    }

    /// - Returns: the transaction to cancel; nil where none was begun, which then never will be.
    mutating func cancel(_ branch: Branch) -> TransactionID? {
        switch states[branch] {
        case .sent(let transaction): return transaction
        case .opening:
            states[branch] = .opening(isCancelled: true)
            return nil
        case nil: return nil
        }
    }

    func isCancelled(_ branch: Branch) -> Bool {
        if case .opening(true) = states[branch] { return true }
        return false
    }

    func branch(of transaction: TransactionID) -> Branch? { branches[transaction] }

    mutating func close(_ branch: Branch) {
        if case .sent(let transaction) = states.removeValue(forKey: branch) { branches[transaction] = nil }
    }
}
