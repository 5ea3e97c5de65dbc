/// Octets that must not be shown: passwords, keys, nonces that protect something. Prints as `<redacted>` everywhere (description, debug
/// description, mirror); zeroed when the last reference goes; compared in constant time for equal lengths.
public final class Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    // Written once in init and read-only until deinit, in which no other reference exists: sharing it between threads is safe.
    nonisolated(unsafe) private let storage: UnsafeMutableRawBufferPointer

    public init(_ octets: some Collection<UInt8>) {
        storage = .allocate(byteCount: octets.count, alignment: 1)
        storage.copyBytes(from: octets)
    }

    public convenience init(_ text: String) { self.init(Array(text.utf8)) }

    deinit {
        // Through a volatile-like opaque call the optimiser keeps the stores: the memory is about to be freed.
        withExtendedLifetime(storage) { for index in storage.indices { storage[index] = 0 } }
        storage.deallocate()
    }

    public var count: Int { storage.count }

    /// The octets, for the one computation that needs them. Do not let them escape.
    public func withOctets<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(storage))
    }

    public static func == (left: Secret, right: Secret) -> Bool {
        left.withOctets { one in right.withOctets { constantTimeEqual(one, $0) } }
    }

    public var description: String { "<redacted>" }
    public var debugDescription: String { "<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Whether two octet strings are equal, in a time that depends on their lengths alone.
public func constantTimeEqual(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) { difference |= one ^ other }
    return difference == 0
}
