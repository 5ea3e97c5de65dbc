import MediaSecurity
import SDP
import Testing

@Suite struct FingerprintPolicyTests {
    /// Digests of a certificate, by function: octets of its value.
    static let own: [HashFunction: UInt8] = [.md5: 1, .sha1: 2, .sha224: 3, .sha256: 4, .sha384: 5, .sha512: 6]

    static func digest(_ hash: HashFunction) -> [UInt8]? {
        own[hash].map { Array(repeating: $0, count: hash.digestLength ?? 0) }
    }

    static func right(_ hash: HashFunction) -> Fingerprint { Fingerprint(hash: hash, octets: digest(hash) ?? []) }

    static func wrong(_ hash: HashFunction) -> Fingerprint {
        Fingerprint(hash: hash, octets: Array(repeating: 0xEE, count: hash.digestLength ?? 1))
    }

    @Test(
        "RFC 8122 5: the most preferred function among those offered decides, and one of its fingerprints must match",
        arguments: [
            ([right(.sha256)], FingerprintPolicy.Verdict.match), ([wrong(.sha256)], .mismatch(hash: .sha256)),
            ([wrong(.sha256), right(.sha256)], .match), ([right(.sha256), wrong(.sha512)], .mismatch(hash: .sha512)),
            ([right(.sha512), wrong(.sha256)], .match), ([right(.md5)], .noUsableFingerprint),
            ([right(.sha1)], .noUsableFingerprint), ([], .noUsableFingerprint),
            ([right(.md5), wrong(.sha256)], .mismatch(hash: .sha256)), ([wrong(.md5), right(.sha224)], .match),
            ([Fingerprint(hash: .sha512, octets: [6, 6]), right(.sha256)], .match),
            ([Fingerprint(hash: .other("sha3"), octets: [1])], .noUsableFingerprint),
        ] as [([Fingerprint], FingerprintPolicy.Verdict)])
    func verify(_ fingerprints: [Fingerprint], _ verdict: FingerprintPolicy.Verdict) {
        #expect(FingerprintPolicy.standard.verify(fingerprints, digest: Self.digest) == verdict)
    }

    @Test("RFC 8122 5.1: two certificates with unequal sets of functions: only the one under the best function matches")
    func unequalSets() {
        let other = Fingerprint(hash: .sha512, octets: Array(repeating: 0xEE, count: 64))
        #expect(
            FingerprintPolicy.standard.verify([Self.right(.sha256), other], digest: Self.digest)
                == .mismatch(hash: .sha512))
        // The same set for each: either certificate matches.
        let both = [other, Self.wrong(.sha256), Self.right(.sha512), Self.right(.sha256)]
        #expect(FingerprintPolicy.standard.verify(both, digest: Self.digest) == .match)
    }

    @Test("RFC 8122 5: MD5 is neither asked for nor computed, under any policy")
    func neverMD5() {
        for policy in [FingerprintPolicy(), FingerprintPolicy(allowsSHA1: true)] {
            var asked: [HashFunction] = []
            _ = policy.verify([Self.right(.md5), Self.right(.md2), Self.right(.sha1), Self.right(.sha256)]) {
                asked.append($0)
                return Self.digest($0)
            }
            #expect(asked == [.sha256])
        }
    }

    @Test("SHA-1 is accepted by configuration only")
    func sha1() {
        let policy = FingerprintPolicy(allowsSHA1: true)
        #expect(policy.verify([Self.right(.sha1)], digest: Self.digest) == .match)
        #expect(
            policy.verify([Self.right(.sha1), Self.wrong(.sha256)], digest: Self.digest) == .mismatch(hash: .sha256))
    }

    @Test("a digest that cannot be computed, or is too short, is no match")
    func noDigest() {
        #expect(FingerprintPolicy.standard.verify([Self.right(.sha256)]) { _ in nil } == .noDigest(hash: .sha256))
        #expect(FingerprintPolicy.standard.verify([Self.right(.sha256)]) { _ in [] } == .noDigest(hash: .sha256))
    }
}
