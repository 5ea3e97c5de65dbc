import MediaSecurity
import SIP

/// The dialogs outside of calls that pass through this P-CSCF: those of SUBSCRIBE and REFER (RFC 6665, RFC 3515), with the routes that the core gave.
///
/// ```
///   UE -- SUBSCRIBE --> open: a token, Call-ID, the UE's tag        Record-Route <sip:token@mw> --> core
///   UE <-- 200, NOTIFY  learn: the core end's tag, its Record-Route                             <-- core
///   UE -- SUBSCRIBE, Route: token, whatever else -->  Route := what was learnt                  --> core
/// ```
///
/// TS 24.229 §5.2.6.3: what a UE writes into Route does not steer this proxy. A request inside such a dialog goes where the dialog's Record-Route said,
/// and one that names no known dialog goes nowhere.
struct RelayedDialogs: Sendable {
    struct Limits: Hashable, Sendable {
        /// Dialogs of one registration; its least recently used one gives way to a further one.
        var perRegistration = 32
        /// Far ends of one dialog: a forked SUBSCRIBE has several (RFC 6665 §4.3).
        var ends = 16
    }

    struct Dialog: Hashable, Sendable {
        /// Unguessable; the user part of Record-Route.
        let token: String
        /// Token of the registration that it belongs to.
        let registration: String
        let callID: String
        let maker: OfferSide
        /// nil until the UE has answered a request of the core.
        fileprivate(set) var ueTag: String?
        /// Routes from here towards the core, nearest first, by the tag of the core's end.
        fileprivate(set) var coreRoutes: [String: [String]] = [:]
        fileprivate var used: UInt64

        /// Whether a request inside a dialog is of this one.
        func admits(_ request: Request, from side: OfferSide) -> Bool {
            guard request.headers.callID == callID, let from = (try? request.headers.from())?.tag,
                let to = (try? request.headers.to())?.tag
            else { return false }
            switch side {
            case .ue:
                // The NOTIFY may be faster than the 200 to its SUBSCRIBE (RFC 6665 §4.2.2).
                guard ueTag == from || ueTag == nil && request.method == .notify else { return false }
                return coreRoutes[to] != nil
            case .core:
                guard ueTag == to || ueTag == nil else { return false }
                return coreRoutes[from] != nil || maker == .ue && request.method == .notify
            }
        }
    }

    let limits: Limits
    private var dialogs: [String: Dialog] = [:]
    private var tokens: [String: [String]] = [:]
    private var clock: UInt64 = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    var count: Int { dialogs.count }

    subscript(token: String) -> Dialog? { dialogs[token] }

    // MARK: Requests and responses as they were received

    /// A request that makes a dialog is forwarded.
    mutating func open(_ token: String, by request: Request, from side: OfferSide, registration: String) {
        guard let callID = request.headers.callID, let tag = (try? request.headers.from())?.tag else { return }
        if let own = tokens[registration], own.count >= limits.perRegistration,
            let oldest = own.min(by: { (dialogs[$0]?.used ?? 0) < (dialogs[$1]?.used ?? 0) })
        {
            close(oldest)
        }
        clock += 1
        var dialog = Dialog(token: token, registration: registration, callID: callID, maker: side, used: clock)
        switch side {
        case .ue: dialog.ueTag = tag
        case .core: dialog.coreRoutes[tag] = request.headers.list(.recordRoute)
        }
        dialogs[token] = dialog
        tokens[registration, default: []].append(token)
    }

    /// A response to the request that made it.
    ///
    /// - Parameter isOwn: whether a Record-Route value is that of this dialog; it parts the core's from the UE's.
    mutating func answered(_ token: String, _ response: Response, isOwn: (String) -> Bool) {
        guard var dialog = dialogs[token], response.status >= 200 else { return }
        guard response.status < 300 else {
            if dialog.ueTag == nil || dialog.coreRoutes.isEmpty { close(token) }
            return
        }
        guard let tag = (try? response.headers.to())?.tag else { return }
        switch dialog.maker {
        case .ue where dialog.coreRoutes.count < limits.ends || dialog.coreRoutes[tag] != nil:
            // In a response the farthest stands first (RFC 3261 §12.1.2).
            dialog.coreRoutes[tag] = response.headers.list(.recordRoute).prefix { !isOwn($0) }.reversed()
        case .core where dialog.ueTag == nil: dialog.ueTag = tag
        case .ue, .core: break
        }
        dialogs[token] = dialog
    }

    /// A request inside the dialog is forwarded, which `admits` said is of it.
    ///
    /// - Returns: the Route towards the core, for a request of the UE.
    mutating func use(_ token: String, by request: Request, from side: OfferSide) -> [String] {
        guard var dialog = dialogs[token], let from = (try? request.headers.from())?.tag,
            let to = (try? request.headers.to())?.tag
        else { return [] }
        clock += 1
        dialog.used = clock
        defer { dialogs[token] = dialog }
        switch side {
        case .ue:
            if dialog.ueTag == nil { dialog.ueTag = from }
            return dialog.coreRoutes[to] ?? []
        case .core:
            if dialog.ueTag == nil { dialog.ueTag = to }
            // RFC 6665 §4.4.1: a NOTIFY makes the dialog, and brings the route set.
            if dialog.coreRoutes[from] == nil, dialog.coreRoutes.count < limits.ends {
                dialog.coreRoutes[from] = request.headers.list(.recordRoute)
            }
            return []
        }
    }

    /// A NOTIFY that says `terminated` has been answered (RFC 6665 §4.1.2.4): that end is gone.
    mutating func ended(_ token: String, by notify: Request, from side: OfferSide) {
        guard var dialog = dialogs[token], notify.method == .notify, notify.subscriptionIsTerminated else { return }
        let tag = side == .core ? (try? notify.headers.from())?.tag : (try? notify.headers.to())?.tag
        if let tag { dialog.coreRoutes[tag] = nil }
        if dialog.coreRoutes.isEmpty { close(token) } else { dialogs[token] = dialog }
    }

    private mutating func close(_ token: String) {
        guard let gone = dialogs.removeValue(forKey: token) else { return }
        tokens[gone.registration]?.removeAll { $0 == token }
        if tokens[gone.registration]?.isEmpty == true { tokens[gone.registration] = nil }
    }

    /// A registration has ended, and what it had begun with it.
    mutating func registrationEnded(_ registration: String) {
        for token in tokens.removeValue(forKey: registration) ?? [] { dialogs[token] = nil }
    }
}

extension Request {
    /// RFC 6665 §8.4: Subscription-State says `terminated`.
    var subscriptionIsTerminated: Bool {
        guard let state = headers[.subscriptionState] else { return false }
        return state.prefix { $0 != ";" && $0 != " " }.lowercased() == "terminated"
    }
}
