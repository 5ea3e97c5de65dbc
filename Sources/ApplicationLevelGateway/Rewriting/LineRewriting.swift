import MediaSecurity
import SDP

/// One MSRP line as the other side may see it (TS 23.334 §5.19, §6.2.10.3).
struct LineRewriting {
    let mode: LineMode
    let isAware: Bool
    /// The side that will read the line.
    let side: OfferSide
    /// What the gateway chose on that side.
    let local: LocalDescription
    /// Our role there as this description says it. Not used where TLS passes through: the ends agree on it.
    let setup: Setup
    /// `a=3ge2ae:applied` towards the UE.
    let saysApplied: Bool
    let content: ContentPolicy
    /// An answer that says `active` has port 9 (RFC 4145 §4.1). An offer keeps ours: a peer that compares it with the path would refuse it (RFC 6714 §4.3).
    var isAnswer = false

    /// Says that nobody listens (RFC 4145 §4.1).
    static let discardPort: UInt16 = 9

    /// Changes `c=` and `m=` to the gateway's; where TLS does not pass through, also transport, security attributes, setup and, in aware mode, path.
    func apply(to line: MSRPMedia) -> MediaDescription {
        var line = line
        line.threeGE2AE = nil
        line.setEndpoint(local.endpoint)
        switch mode {
        case .transparent, .transparentByU4, .off: return line.media
        case .e2ae, .plain: break
        }
        let isTLS = mode == .e2ae && side == .ue
        line.isTLS = isTLS
        line.fingerprints = isTLS ? local.fingerprints : []
        line.media.attributes.remove(KeyManagement.attributeName)
        line.media.attributes.remove("connection")
        line.setup = setup
        if isAnswer, setup == .active { line.port = LineRewriting.discardPort }
        content.apply(to: &line)
        if isAware {
            line.paths = local.path.map { [$0] } ?? []
            line.hasCEMA = false
        }
        if isTLS, saysApplied { line.threeGE2AE = .applied }
        return line.media
    }

    /// The line with port 0, under the transport that this side knows it by.
    static func rejection(of line: MSRPMedia, mode: LineMode, to side: OfferSide) -> MediaDescription {
        var line = line
        switch mode {
        case .e2ae: line.isTLS = side == .ue
        case .plain: line.isTLS = false
        case .transparent, .transparentByU4, .off: break
        }
        return line.media.rejection
    }
}

extension SessionDescription {
    /// What the session level may still say once its MSRP lines were rewritten: no 3ge2ae; fingerprints and key management only where a line lives on
    /// them; `c=` no longer the peer's where every line has the gateway's.
    ///
    /// - Parameters:
    ///   - rewritten: the lines that end at the gateway.
    ///   - terminated: those of them on which the gateway speaks for itself, with no TLS passing through.
    mutating func rewriteSessionLevel(rewritten: Set<Int>, terminated: Set<Int>) {
        attributes.remove(EndToAccessEdge.attributeName)
        guard !terminated.isEmpty else { return replaceConnection(rewritten: rewritten) }
        let others = media.indices.filter { !terminated.contains($0) && !media[$0].isRejected }
        let usesFingerprint = others.contains { index in
            media[index].isSecure && !media[index].attributes.contains(Fingerprint.attributeName)
        }
        if !usesFingerprint { attributes.remove(Fingerprint.attributeName) }
        if others.isEmpty { attributes.remove(KeyManagement.attributeName) }
        replaceConnection(rewritten: rewritten)
    }

    private mutating func replaceConnection(rewritten: Set<Int>) {
        guard connection != nil, let first = rewritten.min(), let replacement = media[first].connection,
            media.indices.allSatisfy({ rewritten.contains($0) || media[$0].isRejected })
        else { return }
        connection = replacement
    }
}
