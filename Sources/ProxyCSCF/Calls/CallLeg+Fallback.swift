import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP

/// A UE that did not indicate support refuses the TLS that it was offered under the RCS 5.1 option: where policy allows it, exactly one further INVITE goes
/// to it, with the plain offer (media-security.md 4.2, RFC 3261 §8.1.3.5). The core sees one INVITE and one final response.
///
/// ```
///   core                    CallLeg · CallMedia                      UE
///    | INVITE 1 plain -------> | INVITE 1, TCP/TLS/MSRP -----------> |
///    |                         | <----------------------------- 488  |   or 200 with port 0: ACK, BYE
///    |                         | INVITE 2, TCP/MSRP ---------------> |   a dialog of its own: same Call-ID and From, next CSeq
///    | <--------- 200, CSeq 1  | <----------------------------- 200  |
///    | ACK 1 ----------------> | ACK 2 ----------------------------> |
///    | BYE 2 ----------------> | BYE 3 ----------------------------> |
/// ```
///
/// Never for a UE that indicated support: what it refuses is refused (A11).
extension CallLeg {
    /// Final responses by which a UE says that it does not take the offer as a whole.
    private static let offerRefusals: Set<Int> = [406, 415, 488, 606]

    private var mayFallBack: Bool {
        guard direction == .terminating, phase == .inviting, !served.indications.ue, !hasFallenBack,
            let first = exchanges[Self.first], !first.isCancelled, !first.isAnswered
        else { return false }
        return media.canFallBack
    }

    /// Whether this response to the first INVITE is a refusal that is followed by the plain offer; then it goes no further.
    mutating func takesFallback(_ response: Response, _ exchange: Exchange) -> Bool {
        guard exchange.id == Self.first else { return false }
        if isFallingBack {
            // Its early answer was no good, and its INVITE is being cancelled.
            guard response.status >= 200 else { return true }
            guard response.status < 300 || response.status == 487 || Self.offerRefusals.contains(response.status) else {
                // Busy, or gone: another offer would change nothing.
                isFallingBack = false
                return false
            }
            refusedByUE(response, exchange)
            return true
        }
        guard mayFallBack else { return false }
        switch response.status {
        case 101..<300:
            guard case .found(let answer, _) = SessionBody.find(in: .response(response)), Self.refusesTLS(answer) else {
                return false
            }
            if response.status < 200 {
                isFallingBack = true
                cancelForwarded(Self.first, ReleaseCause(status: 488, text: "TLS was not accepted").reason)
            } else {
                refusedByUE(response, exchange)
            }
            return true
        case _ where Self.offerRefusals.contains(response.status):
            refusedByUE(response, exchange)
            return true
        default: return false
        }
    }

    /// No line of the answer is what was offered: port 0, plain MSRP, or TLS without a fingerprint.
    private static func refusesTLS(_ answer: SessionDescription) -> Bool {
        answer.media.indices.allSatisfy { index in
            guard !answer.media[index].isRejected else { return true }
            guard let line = answer.messageMedia(at: index) else { return false }
            return !line.isTLS || line.fingerprints.isEmpty
        }
    }

    /// What came of the first attempt is ended, and the second begins.
    private mutating func refusedByUE(_ response: Response, _ exchange: Exchange) {
        if response.status < 300 {
            endedAttempts.insert((try? response.headers.to())?.tag ?? "")
            acknowledgeAndEnd(response, of: exchange, ReleaseCause(status: 488, text: "TLS was not accepted"))
        }
        isFallingBack = false
        hasFallenBack = true
        sequenceOffset = 1
        dialogs = [:]
        var again = exchange
        again.isForwarded = false
        again.isFinished = false
        again.isCancelled = false
        again.hasProvisional = false
        again.hasAnswer = false
        again.provisionals = [:]
        again.timerC = nil
        exchanges[Self.first] = again
        var part: BodyPart?
        if case .found(_, let found) = SessionBody.find(in: .request(invite)) { part = found }
        media.fallBack(token: hold(.request(Self.first), part))
        drainMedia()
    }

    /// Whether this response is one of the first attempt that comes after the second has begun: it says nothing about that, and goes no further. A 2xx is
    /// acknowledged each time that it comes (RFC 3261 §13.2.2.4).
    mutating func takesEarlier(_ response: Response, _ id: Exchange.ID) -> Bool {
        guard id == Self.first, hasFallenBack, let exchange = exchanges[id],
            (try? response.headers.cSeq())?.number != Self.shifted(exchange.sequence, sequenceOffset)
        else { return false }
        guard (200..<300).contains(response.status), !isUEGone else { return true }
        let tag = (try? response.headers.to())?.tag ?? ""
        if endedAttempts.contains(tag) || endedAttempts.count >= settings.dialogLimit {
            emit(.sendAlone(acknowledgement(of: response, exchange), to: .ue))
        } else {
            endedAttempts.insert(tag)
            acknowledgeAndEnd(response, of: exchange, ReleaseCause(status: 488, text: "TLS was not accepted"))
        }
        return true
    }

    // MARK: The numbers of the second attempt

    /// A request of the core with the CSeq that the UE expects.
    func shift(_ headers: inout Headers, to side: OfferSide) {
        guard side == .ue, sequenceOffset > 0 else { return }
        if let cSeq = try? headers.cSeq() {
            headers.set(.cSeq, to: "\(Self.shifted(cSeq.number, sequenceOffset)) \(cSeq.method)")
        }
        // RFC 3262 §7.2: RAck names the INVITE by its number.
        let parts = (headers[.rAck] ?? "").split(whereSeparator: \.isWhitespace)
        if parts.count == 3, let number = UInt32(parts[1]) {
            headers.set(.rAck, to: "\(parts[0]) \(Self.shifted(number, sequenceOffset)) \(parts[2])")
        }
    }

    /// A response of the UE with the CSeq that the core knows.
    func unshift(_ headers: inout Headers, of exchange: Exchange) {
        guard exchange.from == .core, sequenceOffset > 0, let cSeq = exchange.request.headers[.cSeq] else { return }
        headers.set(.cSeq, to: cSeq)
    }

    /// RFC 3261 §8.1.1.5: below 2^31, which a peer that is close to it may exceed once.
    static func shifted(_ number: UInt32, _ offset: UInt32) -> UInt32 { number &+ offset }
}
