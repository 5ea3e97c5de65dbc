/// Names that nobody can guess, for Path and Record-Route: whoever knows one can reach a UE or a call.
enum Tokens {
    /// 128 bits from the system's generator, as 32 lower-case hexadecimal digits.
    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        return make(generator.next(), generator.next())
    }

    static func make(_ high: UInt64, _ low: UInt64) -> String {
        [high, low].map { value in
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
