/// What one message may hold. A message beyond a limit is malformed, with the limit in the error.
public enum MessageLimits {
    /// Octets from the start-line to the empty line.
    public static let headerSection = 65_536
    /// Header fields.
    public static let fields = 512
    /// Octets of a body on a stream; a datagram bounds its own.
    public static let body = 1_048_576
}
