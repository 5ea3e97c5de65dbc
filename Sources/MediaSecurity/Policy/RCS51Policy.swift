/// The operator's RCS 5.1 option: for everybody, and per realm and UE class (TS 33.328 CR 0052; media-security.md 4).
///
/// It never weakens what a UE and the network indicated: with both indications the tables ask for R in one cell only (the UE's TLS with fingerprint and
/// without request), and R makes it e2ae there.
package struct RCS51Policy: Hashable, Sendable {
    /// The option of one class of UEs.
    package struct Rule: Hashable, Sendable {
        package var userAgent: UserAgentPattern
        /// The name of the access (Gm) realm; nil: every one.
        package var realm: String?
        package var option: RCS51Option

        package init(userAgent: UserAgentPattern, realm: String? = nil, option: RCS51Option) {
            self.userAgent = userAgent
            self.realm = realm
            self.option = option
        }
    }

    /// Rules that one policy may have.
    package static let maximumRules = 1_000

    /// Where no rule matches.
    package var option: RCS51Option
    /// The first that matches decides.
    package var rules: [Rule]
    /// A UE that refuses a TLS offer made under R gets one offer over plain TCP. Otherwise its refusal stands.
    package var allowsFallback: Bool

    package init(option: RCS51Option = .off, rules: [Rule] = [], allowsFallback: Bool = false) {
        self.option = option
        self.rules = rules
        self.allowsFallback = allowsFallback
    }

    /// R of one UE.
    ///
    /// - Parameters:
    ///   - userAgent: User-Agent of its REGISTER, as it came over protected Gm; nil where it had none.
    ///   - realm: the realm over which it registered.
    package func option(userAgent: String?, realm: String) -> RCS51Option {
        rules.first { ($0.realm.map { $0 == realm } ?? true) && $0.userAgent.matches(userAgent) }?.option ?? option
    }
}
