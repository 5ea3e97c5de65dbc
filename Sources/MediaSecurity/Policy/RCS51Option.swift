/// R: for which offers of UEs that signal no support e2ae is used all the same, as RCS 5.1 clients expect it (TS 33.328 CR 0052; media-security.md 4).
package enum RCS51Option: String, Hashable, Sendable, CaseIterable {
    case off
    /// Offers from the UE that carry TLS with a fingerprint (K2, K3).
    case originating
    /// Plain offers to the UE: they become TLS offers.
    case terminating
    case both

    package func applies(to direction: OfferDirection) -> Bool {
        switch direction {
        case .originating: self == .originating || self == .both
        case .terminating: self == .terminating || self == .both
        }
    }
}
