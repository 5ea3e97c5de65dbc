import MediaSecurity

/// Values that no specification text at hand confirms (docs/open-points.md). Each can be set without rebuilding, through `CallMediaSettings`; when a text
/// becomes available, this file, its test and docs/open-points.md change together.
package enum Provisional {
    /// U2: the answer to a UE that requested e2ae carries `a=3ge2ae:applied`.
    package static let appliedInAnswers = true
    /// U4: what becomes of a request for e2ae that the network cannot honour, where not both sides indicated support.
    package static let unhonouredRequest = UnhonouredRequest.transparent
}
