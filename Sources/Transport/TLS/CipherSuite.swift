import NIOSSL

/// The cipher suites that this project knows by name. Operators choose among these and never write a cipher string: BoringSSL ends the process on a
/// name or a code point that it does not know.
///
/// The names are those of the IANA registry. TS 33.310 Annex E (provisional, U10): the AES-128-GCM pair first, then the AES-256-GCM pair. Suites of TLS 1.3 cannot be
/// chosen with BoringSSL; all three are safe.
package enum CipherSuite: UInt16, Sendable, CaseIterable {
    case aes128GCM = 0x1301
    case aes256GCM = 0x1302
    case chaCha20Poly1305 = 0x1303
    case ecdheECDSAWithAES128GCM = 0xC02B
    case ecdheECDSAWithAES256GCM = 0xC02C
    case ecdheRSAWithAES128GCM = 0xC02F
    case ecdheRSAWithAES256GCM = 0xC030

    /// What is offered and accepted in TLS 1.2, best first.
    package static let standard: [CipherSuite] = [
        .ecdheECDSAWithAES128GCM, .ecdheRSAWithAES128GCM, .ecdheECDSAWithAES256GCM, .ecdheRSAWithAES256GCM,
    ]

    package var isTLS13: Bool { rawValue >> 8 == 0x13 }

    /// The name in the IANA registry of TLS cipher suites.
    package var name: String {
        switch self {
        case .aes128GCM: "TLS_AES_128_GCM_SHA256"
        case .aes256GCM: "TLS_AES_256_GCM_SHA384"
        case .chaCha20Poly1305: "TLS_CHACHA20_POLY1305_SHA256"
        case .ecdheECDSAWithAES128GCM: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        case .ecdheECDSAWithAES256GCM: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
        case .ecdheRSAWithAES128GCM: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        case .ecdheRSAWithAES256GCM: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
        }
    }

    /// The registered name of any code point, or `0xC0FF` where it is not one of ours.
    package static func name(of codePoint: UInt16) -> String {
        if let suite = CipherSuite(rawValue: codePoint) { return suite.name }
        let digits = String(codePoint, radix: 16, uppercase: true)
        return "0x" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    var value: NIOTLSCipher { NIOTLSCipher(rawValue: rawValue) }
}
