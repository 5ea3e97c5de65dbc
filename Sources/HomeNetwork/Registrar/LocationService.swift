import NIOCore
import SIP

/// One contact of an address of record (RFC 3261 §10.3) and the way to it (RFC 3327).
package struct Binding: Hashable, Sendable {
    /// As registered, without `expires`.
    package var contact: NameAddress
    package var callID: String
    package var cSeq: UInt32
    package var expires: NIODeadline
    /// Path values, topmost first: the Route of a request to this contact.
    package var path: [String]
    /// Tells contacts apart in what subscribers are told; kept by a refresh.
    package var id: UInt64 = 0

    /// Whether `other` is of the same device: equal `+sip.instance`, and the same `reg-id` or none (RFC 5626 §4.1, §6).
    func isOfDevice(_ other: NameAddress) -> Bool {
        guard let instance = contact.parameters.value("+sip.instance"), !instance.isEmpty else { return false }
        return other.parameters.value("+sip.instance") == instance
            && other.parameters.value("reg-id") == contact.parameters.value("reg-id")
    }

    /// `q` in thousandths; 1000 where it is absent or malformed.
    package var preference: Int {
        guard let text = contact.parameters.value("q"), let value = Double(text), (0...1).contains(value) else {
            return 1000
        }
        return Int(value * 1000)
    }
}

/// Where the registered contacts are kept: sets of bindings by address of record. A binding is gone at its time, whether or not anybody called.
package struct LocationService: Sendable {
    private var sets: [String: [Binding]] = [:]
    /// Not later than the first binding that expires.
    private var earliest: NIODeadline?

    package init() {}

    package var nextDeadline: NIODeadline? { earliest }

    /// Those that still live, the preferred ones first.
    package func bindings(of key: String, now: NIODeadline) -> [Binding] {
        (sets[key] ?? []).filter { $0.expires > now }.sorted { $0.preference > $1.preference }
    }

    /// All at once: a REGISTER is carried out as a whole or not at all (§10.3 step 7).
    mutating func replace(_ key: String, with bindings: [Binding]) {
        sets[key] = bindings.isEmpty ? nil : bindings
        for binding in bindings { earliest = min(earliest ?? binding.expires, binding.expires) }
    }

    /// Removes what has expired.
    ///
    /// - Returns: what was removed, by key, and whether anything is left there.
    mutating func removeExpired(now: NIODeadline) -> [(key: String, removed: [Binding], isEmpty: Bool)] {
        guard let due = earliest, due <= now else { return [] }
        earliest = nil
        var result: [(key: String, removed: [Binding], isEmpty: Bool)] = []
        for (key, bindings) in sets {
            let rest = bindings.filter { $0.expires > now }
            replace(key, with: rest)
            guard rest.count < bindings.count else { continue }
            result.append((key, bindings.filter { $0.expires <= now }, rest.isEmpty))
        }
        return result
    }
}
