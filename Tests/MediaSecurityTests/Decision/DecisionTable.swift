import MediaSecurity

/// One hand-written row: what it applies to, and what it says.
///
///     direction  U  N  R  capable  strict  U4  kinds  existing  : outcome
///
/// `*` stands for any value. `o` originating, `t` terminating; U4 `t` transparent, `r` reject; existing `new` (first offer, new line or one that was
/// off), `e2ae`, `plain`, `tls` (transparent), `tls4` (transparent by U4).
/// Outcomes: `e2ae`, `tls`, `tls4` (by U4), `plain`, `plain!` (logged), `488` (RFC 3261 21.4.26), `503` (RFC 3261 21.5.4).
struct DecisionRow: CustomStringConvertible {
    let text: String
    private let fields: [[Substring]]
    let outcome: Substring

    init(_ text: Substring) {
        self.text = String(text)
        let halves = text.split(separator: ":")
        fields = halves[0].split(separator: " ").map { $0.split(separator: ",") }
        outcome = halves[1].split(separator: " ")[0]
        precondition(fields.count == 9, "a row has nine columns: \(text)")
    }

    var description: String { text }

    func applies(to input: DecisionInput) -> Bool {
        let values = [
            input.direction == .originating ? "o" : "t", input.ueIndicated ? "1" : "0",
            input.networkIndicated ? "1" : "0", input.rcs51 ? "1" : "0", input.gatewayCapable ? "1" : "0",
            input.strict ? "1" : "0", input.unhonouredRequest == .transparent ? "t" : "r", input.kind.rawValue,
            DecisionRow.name(input.existing),
        ]
        return zip(fields, values).allSatisfy { field, value in
            field == ["*"] || field.contains { $0 == value }
        }
    }

    private static func name(_ mode: LineMode?) -> String {
        switch mode {
        case nil, .off: "new"
        case .e2ae: "e2ae"
        case .plain: "plain"
        case .transparent: "tls"
        case .transparentByU4: "tls4"
        }
    }

    static func name(_ decision: Decision) -> String {
        switch decision.outcome {
        case .e2ae: "e2ae"
        case .transparent: decision.isByU4 ? "tls4" : "tls"
        case .plain: decision.isNoteworthy ? "plain!" : "plain"
        case .refuse: decision.refusal.map { "\($0.rawValue)" } ?? "refuse"
        }
    }
}

/// docs/media-security.md 4, row by row.
let decisionTable = """
    o 1 1 * * 0 * K1 new : plain!
    o 1 1 * * 1 * K1 new : 488
    o 1 0 * * * * K1 new : plain
    o 0 1 * * * * K1 new : plain
    o 0 0 * * * * K1 new : plain

    o 1 1 * 1 * * K2 new : e2ae
    o 1 1 * 0 * * K2 new : 503
    o 1 0 1 1 * * K2 new : e2ae
    o 1 0 1 0 * t K2 new : tls4
    o 1 0 1 0 * r K2 new : 488
    o 1 0 0 * * t K2 new : tls4
    o 1 0 0 * * r K2 new : 488
    o 0 1 1 1 * * K2 new : e2ae
    o 0 1 1 0 * t K2 new : tls4
    o 0 1 1 0 * r K2 new : 488
    o 0 1 0 * * t K2 new : tls4
    o 0 1 0 * * r K2 new : 488
    o 0 0 1 1 * * K2 new : e2ae
    o 0 0 1 0 * t K2 new : tls4
    o 0 0 1 0 * r K2 new : 488
    o 0 0 0 * * t K2 new : tls4
    o 0 0 0 * * r K2 new : 488

    o 1 1 1 1 * * K3 new : e2ae
    o 1 1 1 0 * * K3 new : tls
    o 1 1 0 * * * K3 new : tls
    o 1 0 1 1 * * K3 new : e2ae
    o 1 0 1 0 * * K3 new : tls
    o 1 0 0 * * * K3 new : tls
    o 0 1 1 1 * * K3 new : e2ae
    o 0 1 1 0 * * K3 new : tls
    o 0 1 0 * * * K3 new : tls
    o 0 0 1 1 * * K3 new : e2ae
    o 0 0 1 0 * * K3 new : tls
    o 0 0 0 * * * K3 new : tls

    o * * * * * * K4 new : tls
    o * * * * * * K5 new : 488
    o * * * * * * K6 new : tls

    t 1 1 * 1 * * K1 new : e2ae
    t 1 1 * 0 * * K1 new : 503
    t 1 0 1 1 * * K1 new : e2ae
    t 1 0 1 0 * * K1 new : plain
    t 1 0 0 * * * K1 new : plain
    t 0 1 1 1 * * K1 new : e2ae
    t 0 1 1 0 * * K1 new : plain
    t 0 1 0 * * * K1 new : plain
    t 0 0 1 1 * * K1 new : e2ae
    t 0 0 1 0 * * K1 new : plain
    t 0 0 0 * * * K1 new : plain

    t * * * * * * K4 new : tls
    t * * * * * * K3 new : tls
    t * * * * * * K6 new : tls
    t * * * * * * K2,K5 new : 488

    o * * * * * * K2 e2ae : e2ae
    o * * 1 * * * K3 e2ae : e2ae
    o * * 0 * * * K3 e2ae : 488
    o * * * * * * K1,K4,K5,K6 e2ae : 488
    t * * * * * * K1 e2ae : e2ae
    t * * * * * * K2,K3,K4,K5,K6 e2ae : 488

    * 1 1 * * * * K1 plain : plain!
    * 1 0 * * * * K1 plain : plain
    * 0 * * * * * K1 plain : plain
    o * * * 1 * * K2 plain : e2ae
    o 1 1 * 0 * * K2 plain : 503
    o 1 0 * 0 * * K2 plain : 488
    o 0 * * 0 * * K2 plain : 488
    o * * * * * * K3,K4,K5,K6 plain : 488
    t * * * * * * K2,K3,K4,K5,K6 plain : 488

    * * * * * * * K3,K4,K6 tls : tls
    * * * * * * * K1,K2,K5 tls : 488
    * * * * * * * K3,K4,K6 tls4 : tls4
    o * * * * * * K2 tls4 : tls4
    t * * * * * * K2 tls4 : 488
    * * * * * * * K1,K5 tls4 : 488
    """.split(separator: "\n").map(DecisionRow.init)

/// Every input there is.
let everyInput: [DecisionInput] = {
    var result: [DecisionInput] = []
    let both = [false, true]
    for direction in OfferDirection.allCases {
        for kind in OfferKind.allCases {
            for existing in LineMode.allCases.map(Optional.some) + [nil] {
                for u4 in UnhonouredRequest.allCases {
                    for bits in 0..<32 {
                        let flag = { (bit: Int) in both[bits >> bit & 1] }
                        result.append(
                            DecisionInput(
                                direction: direction, ueIndicated: flag(0), networkIndicated: flag(1), rcs51: flag(2),
                                gatewayCapable: flag(3), strict: flag(4), unhonouredRequest: u4, kind: kind,
                                existing: existing))
                    }
                }
            }
        }
    }
    return result
}()
