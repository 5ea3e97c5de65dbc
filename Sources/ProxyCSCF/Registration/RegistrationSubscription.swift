import NIOCore
import SIP

/// This P-CSCF's subscription to the registration state of a UE that it serves (TS 24.229 §5.2.3, RFC 3680, RFC 6665).
///
/// ```
///   P-CSCF                                       S-CSCF
///     | SUBSCRIBE  Event: reg ------------------->  |     after the 200 to REGISTER
///     | <------------------------ 200, NOTIFY full  |     either may come first
///     | SUBSCRIBE  again before it expires ------>  |
///     | <---------- NOTIFY  contact terminated      |     the registration goes, and its calls
/// ```
///
/// It ends with the registration, by `terminated`, or when the home network does not know the package: the registration then lives by its expiry alone.
struct RegistrationSubscription: Sendable {
    enum Answer: Hashable, Sendable {
        /// 200; what it says, if anything.
        case accept(RegistrationInformation?)
        case refuse(Int)
    }

    private enum State: Hashable, Sendable {
        case idle
        /// Until then; refreshed at the second.
        case active(expires: NIODeadline, refresh: NIODeadline)
        /// The next attempt.
        case waiting(NIODeadline)
        case over
    }

    /// Seconds that are asked for: longer than any registration, which is refreshed meanwhile.
    static let duration: Int64 = 600_000
    /// Pause before a subscription that was lost is made anew, and how often that is tried.
    static let pause = TimeAmount.seconds(30)
    static let maximumAttempts = 5

    /// Unguessable; the user part of Contact, to which NOTIFY comes.
    let token: String
    /// Token of the registration.
    let registration: String
    let addressOfRecord: URI
    /// `<sip:token@mw;transport=…>`
    let contact: String
    /// `<sip:…>` of this function: From, and P-Asserted-Identity.
    let identity: String

    private var state = State.idle
    private var dialog: Dialog?
    private var attempt = 0
    /// Since it last stood.
    private var failures = 0
    private var wanted = Self.duration
    private var sequence: UInt32 = 1
    private var version: UInt32?

    init(token: String, registration: String, addressOfRecord: URI, contact: String, identity: String) {
        self.token = token
        self.registration = registration
        self.addressOfRecord = addressOfRecord
        self.contact = contact
        self.identity = identity
    }

    var isOver: Bool { state == .over }

    var nextDeadline: NIODeadline? {
        switch state {
        case .active(let expires, let refresh): min(expires, refresh)
        case .waiting(let until): until
        case .idle, .over: nil
        }
    }

    /// Another Call-ID for each attempt: it is another dialog.
    private var callID: String { "\(token.suffix(16))-\(attempt)" }
    private var localTag: String { "reg-\(token.prefix(12))" }

    /// The SUBSCRIBE that makes the subscription.
    mutating func start() -> Request {
        attempt += 1
        dialog = nil
        version = nil
        sequence = 1
        var headers = Headers()
        headers.append(.maxForwards, "70")
        headers.append(.from, "\(identity);tag=\(localTag)")
        headers.append(.to, "<\(addressOfRecord)>")
        headers.append(.callID, callID)
        headers.append(.cSeq, "\(sequence) SUBSCRIBE")
        return completed(Request(method: .subscribe, uri: addressOfRecord, headers: headers))
    }

    private func completed(_ request: Request) -> Request {
        var request = request
        request.headers.append(.contact, contact)
        request.headers.append(.event, "reg")
        request.headers.append(.accept, RegistrationInformation.contentType)
        request.headers.append(.expires, "\(wanted)")
        request.headers.append(.pAssertedIdentity, identity)
        return request
    }

    private mutating func refresh(_ now: NIODeadline) -> Request? {
        guard let request = dialog?.makeRequest(.subscribe) else { return nil }
        // Until its answer is here.
        if case .active(let expires, _) = state { state = .active(expires: expires, refresh: expires) }
        return completed(request)
    }

    /// A response to the SUBSCRIBE that was sent; nil: none came.
    mutating func receive(_ response: Response?, to request: Request, now: NIODeadline) -> Request? {
        guard state != .over, request.headers.callID == callID, (response?.status ?? 408) >= 200 else { return nil }
        guard let response, response.status < 300 else {
            if response?.status == 423, let minimum = response?.headers.minExpires, Int64(minimum) > wanted {
                wanted = Int64(minimum)
                return dialog == nil ? start() : refresh(now)
            }
            // RFC 6665 §4.1.2.2, §4.1.2.3: the notifier does not know it any more, or did not answer: made anew. Any other refusal stands.
            let isLost = dialog != nil || response == nil || response?.status == 408 || (response?.status ?? 0) >= 500
            if isLost { lost(now) } else { state = .over }
            return nil
        }
        if dialog == nil { dialog = try? Dialog(uac: request, response: response) }
        keep(response.headers.expires.map { Int64($0) } ?? wanted, now)
        return nil
    }

    private mutating func lost(_ now: NIODeadline) {
        dialog = nil
        failures += 1
        state = failures < Self.maximumAttempts ? .waiting(now + Self.pause) : .over
    }

    /// TS 24.229 §5.2.3: refreshed 600 s before the end, or at half time where it is shorter than 1200 s.
    private mutating func keep(_ seconds: Int64, _ now: NIODeadline) {
        let seconds = min(max(seconds, 0), Self.duration)
        failures = 0
        let pause = seconds > 1200 ? seconds - 600 : max(seconds / 2, 1)
        state = .active(expires: now + .seconds(seconds), refresh: now + .seconds(pause))
    }

    mutating func timersDue(now: NIODeadline) -> Request? {
        switch state {
        case .waiting(let until) where until <= now:
            state = .idle
            return start()
        case .active(let expires, _) where expires <= now:
            lost(now)
            return nil
        case .active(_, let due) where due <= now: return refresh(now)
        case .idle, .active, .waiting, .over: return nil
        }
    }

    /// A NOTIFY to our Contact.
    ///
    /// - Returns: the answer, and a SUBSCRIBE where a document was missed (RFC 3680 §5).
    mutating func receive(notify: Request, now: NIODeadline) -> (Answer, Request?) {
        guard state != .over, notify.headers.callID == callID else { return (.refuse(481), nil) }
        guard notify.headers[.event]?.prefix(while: { $0 != ";" && $0 != " " }).lowercased() == "reg" else {
            return (.refuse(489), nil)
        }
        if dialog == nil {
            // RFC 6665 §4.4.1: it may come before the 200, and makes the dialog then.
            guard (try? notify.headers.to())?.tag == localTag,
                var made = try? Dialog(uas: notify, localTag: localTag)
            else { return (.refuse(481), nil) }
            made.noteSent(sequence: sequence)
            dialog = made
        } else {
            switch dialog?.receive(notify) {
            case .ok?: break
            case .outOfOrder?: return (.refuse(500), nil)
            case .notThisDialog?, nil: return (.refuse(481), nil)
            }
        }
        var information: RegistrationInformation?
        if notify.body.readableBytes > 0 {
            guard let type = notify.headers[.contentType]?.lowercased(),
                type.hasPrefix(RegistrationInformation.contentType)
            else { return (.refuse(415), nil) }
            guard let read = try? RegistrationInformation(notify.body) else { return (.refuse(400), nil) }
            information = read
        }
        let isTerminated = notify.subscriptionIsTerminated
        if isTerminated {
            end(by: notify, now)
        } else if let left = Self.expires(notify) {
            keep(left, now)
        }
        guard let read = information else { return (.accept(nil), nil) }
        if let version, read.version <= version { return (.accept(nil), nil) }
        let isGap = version.map { read.version > $0 + 1 } ?? false
        version = read.version
        return (.accept(read), isGap && !read.isFull && !isTerminated ? refresh(now) : nil)
    }

    /// RFC 6665 §4.1.3: reasons after which a new subscription makes sense.
    private mutating func end(by notify: Request, _ now: NIODeadline) {
        let parameters = notify.headers[.subscriptionState]?.lowercased() ?? ""
        let mayReturn = ["deactivated", "probation", "timeout", "giveup"].contains {
            parameters.contains("reason=\($0)")
        }
        if mayReturn { lost(now) } else { state = .over }
    }

    private static func expires(_ notify: Request) -> Int64? {
        notify.headers[.subscriptionState]?.split(separator: ";").lazy.compactMap { part -> Int64? in
            let pair = part.split(separator: "=").map { $0.trimmed.lowercased() }
            return pair.count == 2 && pair[0] == "expires" ? Int64(pair[1]) : nil
        }.first
    }
}
