import Authentication

/// What a registrar allows. Times in seconds.
package struct RegistrarSettings: Sendable {
    package var minimumExpires: UInt32
    package var maximumExpires: UInt32
    package var defaultExpires: UInt32
    package var contactLimit: Int
    package var algorithms: [DigestAlgorithm]
    package var nonceLifetime: UInt64

    package init(
        minimumExpires: UInt32 = 60, maximumExpires: UInt32 = 7200, defaultExpires: UInt32 = 3600,
        contactLimit: Int = 10,
        algorithms: [DigestAlgorithm] = [.sha256, .md5], nonceLifetime: UInt64 = 300
    ) {
        self.minimumExpires = minimumExpires
        self.maximumExpires = maximumExpires
        self.defaultExpires = defaultExpires
        self.contactLimit = contactLimit
        self.algorithms = algorithms
        self.nonceLifetime = nonceLifetime
    }
}
