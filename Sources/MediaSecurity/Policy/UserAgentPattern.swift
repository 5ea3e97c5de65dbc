/// A class of UEs by what they say of themselves in User-Agent (RFC 3261 §20.41): a glob over the whole value.
///
/// `*` stands for any octets, none too; `?` for one character. ASCII letters compare without case. A UE that said nothing counts as an empty value, so
/// that only `*` has it.
package struct UserAgentPattern: Hashable, Sendable, CustomStringConvertible {
    /// Octets of a pattern, and of a User-Agent that is looked at: what is longer is compared up to here.
    package static let maximumLength = 256

    package let text: String
    private let octets: [UInt8]

    /// Nil for an empty pattern, one that is too long, or one with a control character.
    package init?(_ text: some StringProtocol) {
        let octets = Array(text.lowercased().utf8)
        guard (1...UserAgentPattern.maximumLength).contains(octets.count),
            octets.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return nil }
        self.text = String(text)
        self.octets = octets
    }

    package static let any = UserAgentPattern(everything: "*")

    private init(everything text: String) {
        self.text = text
        octets = Array(text.utf8)
    }

    package var description: String { text }

    /// Whether a User-Agent is of this class. Takes at most pattern times value steps.
    package func matches(_ userAgent: String?) -> Bool {
        let value = Array((userAgent ?? "").lowercased().utf8.prefix(UserAgentPattern.maximumLength))
        var (place, index) = (0, 0)
        // The last star, and the octet up to which it reaches.
        var star: (place: Int, index: Int)?
        while index < value.count {
            if place < octets.count, octets[place] == UInt8(ascii: "*") {
                star = (place, index)
                place += 1
            } else if place < octets.count, octets[place] == UInt8(ascii: "?") {
                index = UserAgentPattern.characterEnd(value, index)
                place += 1
            } else if place < octets.count, octets[place] == value[index] {
                place += 1
                index += 1
            } else if let last = star {
                star = (last.place, last.index + 1)
                place = last.place + 1
                index = last.index + 1
            } else {
                return false
            }
        }
        return octets[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// The place behind the UTF-8 character that begins here.
    private static func characterEnd(_ value: [UInt8], _ index: Int) -> Int {
        var end = index + 1
        while end < value.count, value[end] & 0xC0 == 0x80 { end += 1 }
        return end
    }
}
