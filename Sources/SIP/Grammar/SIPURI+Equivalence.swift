import WireSyntax

extension SIPURI {
    /// RFC 3261 §19.1.4. Not transitive, therefore not `==`: parameters that only one of the two has are mostly ignored.
    public func isEquivalent(to other: SIPURI) -> Bool {
        guard isSecure == other.isSecure, host == other.host, port == other.port,
            user.map(comparable) == other.user.map(comparable),
            password.map(comparable) == other.password.map(comparable)
        else { return false }
        for name in ["user", "ttl", "method", "maddr", "transport"]
        where parameters.has(name) != other.parameters.has(name) { return false }
        for parameter in parameters.all where other.parameters.has(parameter.name) {
            let one = parameter.value.map { comparable($0).asciiLowercased }
            let two = other.parameters.rawValue(parameter.name).map { comparable($0).asciiLowercased }
            guard one == two else { return false }
        }
        return comparableHeaders == other.comparableHeaders
    }

    private var comparableHeaders: [String] {
        headers.map { comparable($0.name).asciiLowercased + "=" + comparable($0.value) }.sorted()
    }

    /// The key of the address of record that this URI names (§10.3 step 5): user without escapes at the host; no parameters, no scheme.
    public var addressOfRecord: String {
        (user.map { unescaped($0) + "@" } ?? "") + hostPort.description
    }
}

/// A character outside the "reserved" set equals its `%HH`; a reserved one does not, nor does an octet outside ASCII.
private func comparable(_ text: String) -> String {
    decoded(text) { $0 < 0x80 && !reserved.contains($0) && $0 != UInt8(ascii: "%") } ?? text
}

private let reserved = CharacterSet(";/?:@&=+$,")

/// `%HH` decoded. What is not valid UTF-8 then stays escaped, so that no two texts become one.
public func unescaped(_ text: String) -> String {
    decoded(text) { _ in true } ?? text
}

/// `%HH` decoded where `choose` says so, and its digits made upper case where not; nil when that is not UTF-8.
private func decoded(_ text: String, where choose: (UInt8) -> Bool) -> String? {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
    let octets = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < octets.count {
        if octets[index] == UInt8(ascii: "%"), index + 2 < octets.count, let high = hexDigitValue(octets[index + 1]),
            let low = hexDigitValue(octets[index + 2])
        {
            let octet = high << 4 | low
            if choose(octet) { result.append(octet) } else { appendEscaped(octet, to: &result) }
            index += 3
        } else {
            result.append(octets[index])
            index += 1
        }
    }
    return String(validating: result, as: UTF8.self)
}

private func appendEscaped(_ octet: UInt8, to result: inout [UInt8]) {
    let digit = { (value: UInt8) in value < 10 ? value + 0x30 : value + 0x37 }
    result += [UInt8(ascii: "%"), digit(octet >> 4), digit(octet & 15)]
}

/// The text with everything that may not stand in the user part of a URI written as `%HH`.
public func escapedUser(_ text: String) -> String {
    var result: [UInt8] = []
    for octet in text.utf8 {
        if CharacterSet.user.contains(octet) { result.append(octet) } else { appendEscaped(octet, to: &result) }
    }
    return String(decoding: result, as: UTF8.self)
}
