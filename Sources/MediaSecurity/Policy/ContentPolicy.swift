import SDP

/// What the operator lets parties say of their messages (RFC 4975 §8.6, §8.4): an upper bound on `a=max-size`, and which types of `a=accept-types` may stand.
/// Off by default. It does not apply where TLS passes through, and no gateway enforces it.
package struct ContentPolicy: Hashable, Sendable {
    /// Octets; nil: no bound.
    package var maximumSize: UInt64?
    /// `type/subtype`, or `type/*`; empty: all but the denied ones.
    package var allowedTypes: [String]
    /// The same; they win over the allowed ones.
    package var deniedTypes: [String]

    package init(maximumSize: UInt64? = nil, allowedTypes: [String] = [], deniedTypes: [String] = []) {
        self.maximumSize = maximumSize
        self.allowedTypes = allowedTypes.map { $0.lowercased() }
        self.deniedTypes = deniedTypes.map { $0.lowercased() }
    }

    private var limitsTypes: Bool { !allowedTypes.isEmpty || !deniedTypes.isEmpty }

    /// Why a line cannot go on; nil where it can.
    package func fault(in line: MSRPMedia) -> String? {
        guard limitsTypes, let types = line.acceptTypes, permitted(types).isEmpty else { return nil }
        return "policy allows none of its accept-types"
    }

    /// Takes out what is not allowed, and lowers `max-size`.
    ///
    /// `*` (anything else too) gives way to the allowed types, and goes where there are only denied ones.
    package func apply(to line: inout MSRPMedia) {
        if let maximumSize { line.maxSize = min(line.maxSize ?? maximumSize, maximumSize) }
        guard limitsTypes else { return }
        if let types = line.acceptTypes { line.acceptTypes = permitted(types) }
        if let types = line.acceptWrappedTypes {
            let left = permitted(types)
            line.acceptWrappedTypes = left.isEmpty ? nil : left
        }
    }

    private func permitted(_ types: [String]) -> [String] {
        var result: [String] = []
        for type in types {
            let more = type == "*" ? allowedTypes : [type]
            for one in more where isPermitted(one) && !result.contains(one) { result.append(one) }
        }
        return result
    }

    private func isPermitted(_ type: String) -> Bool {
        let isIn = { (list: [String]) in list.contains { ContentPolicy.covers($0, type.lowercased()) } }
        return !isIn(deniedTypes) && (allowedTypes.isEmpty || isIn(allowedTypes))
    }

    /// `text/*` covers `text/plain`, and itself.
    private static func covers(_ rule: String, _ type: String) -> Bool {
        rule == type || rule.hasSuffix("/*") && type.hasPrefix(rule.dropLast())
    }
}
