import MediaSecurity
import SDP

/// The UE refused TLS that it was offered under the RCS 5.1 option: one more offer, over plain TCP (media-security.md 4.2).
///
///     core           P-CSCF             CallMedia                gateway              UE
///     │── INVITE ──────►│── offer(.core) ──►│── reserve ────────────►│                 │
///     │                 │── INVITE, TCP/TLS/MSRP ─────────────────────────────────────►│
///     │                 │◄─────────────────────────────────────────────────────── 488 ─│
///     │                 │── fallBack ──────►│── release, reserve ───►│                 │
///     │                 │── INVITE, TCP/MSRP ─────────────────────────────────────────►│
extension CallMedia {
    /// Whether the offer that the UE just refused as a whole (488, 406, 415 or 606) may be followed by a plain one: an offer from the core, in the first
    /// request of the call, unanswered, with a line that only R made e2ae, where policy allows it. True once a call at most; never where UE and network
    /// indicated support.
    package var canFallBack: Bool {
        guard !hasEnded, case .nothing = waiting, lines.isEmpty, let exchange, exchange.from == .core,
            !exchange.isInResponse, !exchange.isFallback, exchange.answers.isEmpty
        else { return false }
        return exchange.plans.indices.contains { fallback(at: $0) != nil }
    }

    /// Makes the fall-back offer: called in place of `offerFailed`, only while `canFallBack`. The offer comes as `forward` to the UE with this token, or
    /// the call's INVITE is refused as `refuse` says. After it everything is as after a first offer.
    package mutating func fallBack(token: Token) {
        guard canFallBack, var current = exchange else {
            return emit(.refuse(token, Refusal(status: 488, text: "no fall-back is allowed")))
        }
        for index in current.plans.indices {
            guard let decision = fallback(at: index), let old = current.plans[index].handling,
                let line = current.offer.messageMedia(at: index)
            else { continue }
            emit(.decided(decision, media: index, direction: .terminating))
            if let context = old.context { emit(.release(context.handle)) }
            current.plans[index] = .handled(handling(line, at: index, from: .core, decision))
        }
        current.token = token
        current.isFallback = true
        exchange = current
        lastSent[.ue] = nil
        for index in current.plans.indices { reserveIfNeeded(index) }
        forwardOfferIfReady()
    }

    /// The plain decision about one line of the refused offer; nil where there is none, or the line is not e2ae.
    private func fallback(at index: Int) -> Decision? {
        guard let handling = exchange?.plans[index].handling, handling.mode == .e2ae,
            let line = exchange?.offer.messageMedia(at: index)
        else { return nil }
        let decision = decideFallback(
            input(line, at: index, from: .core, gatewayCapable: true), allowed: settings.allowsFallback)
        return decision.outcome == .plain ? decision : nil
    }
}
