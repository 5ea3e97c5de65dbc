import SIP

/// Loop detection (RFC 3261 §16.3 step 4, §16.6 step 8): a request that comes back unchanged while it is still being forwarded.
///
/// A call between two UEs of one P-CSCF passes twice and is no loop: its Request-URI or its Route has changed meanwhile.
struct LoopGuard: Sendable {
    private var keys: [TransactionID: Int] = [:]
    private var inProgress: Set<Int> = []

    var count: Int { inProgress.count }

    /// A request is being worked on until `ended`.
    ///
    /// - Returns: false where the same one is already. The caller looks for its own Via first: without one it is no loop but another request.
    mutating func begin(_ request: Request, _ transaction: TransactionID) -> Bool {
        let key = Self.key(request)
        guard inProgress.insert(key).inserted else { return false }
        keys[transaction] = key
        return true
    }

    mutating func ended(_ transaction: TransactionID) {
        if let key = keys.removeValue(forKey: transaction) { inProgress.remove(key) }
    }

    /// What decides where a request goes, and which one it is. Salted: a sender cannot make two of them meet.
    private static func key(_ request: Request) -> Int {
        var hasher = Hasher()
        hasher.combine(request.method)
        hasher.combine("\(request.uri)")
        for name in [
            HeaderName.callID, .from, .to, .cSeq, .route, .proxyRequire, .proxyAuthorization,
        ] { hasher.combine(request.headers.values(name)) }
        return hasher.finalize()
    }
}
