import ApplicationLevelGateway
import MSRP
import MediaSecurity
import SDP
import WireSyntax

/// What an Add or a Modify must satisfy, with the H.248 error code of what does not (iq-h248.md 9, 10).
enum TerminationRules {
    /// URIs in a Remote's path.
    static let maximumPathURIs = 8
    static let sessionIDLengths = 1...128

    static func check(_ request: TerminationRequest, policy: FingerprintPolicy) throws(GatewayFailure) {
        if request.latch && !request.transport.isTLS {
            throw GatewayFailure(code: 449, text: "latching needs TLS: nothing else tells the right peer from another")
        }
        if let path = request.local.path { try check(path) }
        if !request.transport.isTLS && !request.local.fingerprintHashes.isEmpty {
            throw GatewayFailure(code: 449, text: "a fingerprint needs TLS")
        }
        if let remote = request.remote {
            try check(remote, request.transport, role: request.local.role, policy: policy)
        }
    }

    static func check(
        _ remote: RemoteDescription, _ transport: MediaTransport, role: ConnectionRole, policy: FingerprintPolicy
    ) throws(GatewayFailure) {
        if transport.isTLS {
            if !remote.fingerprints.isEmpty && policy.usable(remote.fingerprints).isEmpty {
                throw GatewayFailure(code: 449, text: "no fingerprint with a usable hash function")
            }
            if role == .active && remote.fingerprints.isEmpty {
                throw GatewayFailure(code: 441, text: "the remote fingerprint is missing")
            }
        }
        if transport.isAware {
            guard remote.paths.count <= maximumPathURIs else {
                throw GatewayFailure(code: 510, text: "more than \(maximumPathURIs) URIs in the path of Remote")
            }
            for path in remote.paths where (try? MSRPURI(path)) == nil {
                throw GatewayFailure(code: 474, text: "the path of Remote is not a list of MSRP URIs")
            }
        }
    }

    private static func check(_ path: LocalRequest.Path) throws(GatewayFailure) {
        guard path.scheme == "msrp" || path.scheme == "msrps", sessionIDLengths.contains(path.sessionID.utf8.count),
            (try? MSRPURI("\(path.scheme)://192.0.2.1:1/\(path.sessionID);tcp")) != nil
        else { throw GatewayFailure(code: 449, text: "not the scheme and session-id of an MSRP URI") }
    }
}

extension RemoteDescription {
    /// The address of `c=` if it is one that can be compared and connected to: names, `0.0.0.0` and `::` do not count.
    var usableAddress: IPAddress? {
        guard let address = address?.address?.unmapped, !address.isUnspecified else { return nil }
        return address
    }

    /// Whether a Modify from `self` to `other` starts the termination's connection anew: address, port or fingerprint set differ.
    func needsNewConnection(for other: RemoteDescription) -> Bool {
        // What was missing and is now known is no difference: whoever came too early was held for it, and is judged by it.
        let isOtherAddress = usableAddress != nil && usableAddress != other.usableAddress
        let isOtherPort = port != nil && port != other.port
        return isOtherAddress || isOtherPort
            || (!fingerprints.isEmpty && Set(fingerprints) != Set(other.fingerprints))
    }
}
