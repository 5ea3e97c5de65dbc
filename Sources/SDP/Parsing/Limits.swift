/// What a description may be at most. A session on an access edge needs a fraction of it.
public enum Limits {
    /// Octets of a whole description.
    public static let octets = 65_536
    /// Octets of one line without its end. `a=key-mgmt` carries a MIKEY message in base64.
    public static let lineOctets = 16_384
    public static let lines = 2_048
    public static let mediaDescriptions = 64
}
