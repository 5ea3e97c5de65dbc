import H248

/// U6, U7 of the open points: what TS 29.334 and H.248.89, .90, .92 say and we could not verify. Everything of this kind on Iq stands here and nowhere
/// else; the configuration of either end replaces it, key by key, without a rebuild. None of it is part of any statement of conformance.
///
/// | value | source | key |
/// |---|---|---|
/// | profile name and version | TS 29.334, from memory | `iq.profile` |
/// | termination names | TS 29.334, form of the names of the related Mn profile | `iq.termination` |
/// | package, signal and event names | H.248.89, .90, .92: names known, ids not | `iq.connection-packages` switches them on |
package struct ProvisionalValues: Hashable, Sendable {
    /// U7. An absent profile is accepted too.
    package var profile = ServiceChangeDescriptor.Profile("threegimsagw", 1)
    /// U7: what an Add of ours names. `$` parts are the gateway's choice.
    package var terminationToChoose: TerminationID = "ip/1/$/$"
    /// U7: how the gateway's own names begin; an id follows.
    package var terminationPrefix = "ip/1/1/"

    /// U6: whether tcpbcc, tlsbsc and seplink are used. Off: TCP and TLS are driven by `a=setup` alone (H.248.89 clause 10, package-less).
    package var usesConnectionPackages = false
    package var tcpPackage: Name = "tcpbcc"
    package var tlsPackage: Name = "tlsbsc"
    package var interlinkagePackage: Name = "seplink"
    /// On both packages: the bearer's state changed.
    package var connectionEvent: Name = "BNCChange"
    /// On both packages: establish the connection.
    package var connectionSignal: Name = "EstBNC"
    /// Binary ids, above the ones that vendors use (0x8000 to 0x8010).
    package static let binaryPackageIDs: [UInt16] = [0xFF00, 0xFF01, 0xFF02]

    package init() {}
}
