/// `a=3ge2ae` (TS 24.229 §7.5.2): between the UE and its P-CSCF only, media level.
public enum EndToAccessEdge: Hashable, Sendable {
    /// The sender wishes end-to-access-edge security on this media.
    case requested
    /// The sender has applied it.
    case applied
    /// Any other indicator: ignored.
    case other(String)

    public static let attributeName = "3ge2ae"

    public init(parsing value: some StringProtocol) {
        switch value.lowercased() {
        case "requested": self = .requested
        case "applied": self = .applied
        case let other: self = .other(other)
        }
    }

    public var attribute: Attribute {
        switch self {
        case .requested: Attribute(EndToAccessEdge.attributeName, "requested")
        case .applied: Attribute(EndToAccessEdge.attributeName, "applied")
        case .other(let token): Attribute(EndToAccessEdge.attributeName, token)
        }
    }
}
