import SIP
import WireSyntax

/// The computations of RFC 7616 §3.4: H(A1), `response`, `rspauth`.
public enum DigestResponse {
    /// H(A1) in hexadecimal: what a server stores in the place of a password. As good as the password in this realm, and kept as one.
    public static func userSecret(
        _ algorithm: DigestAlgorithm, username: String, realm: String, password: Secret
    ) -> Secret {
        var octets = Array("\(username):\(realm):".utf8)
        password.withOctets { octets.append(contentsOf: $0) }
        defer { for index in octets.indices { octets[index] = 0 } }
        return Secret(algorithm.hexHash(octets))
    }

    /// `response` that these credentials must carry for a request of that method.
    public static func request(
        _ credentials: DigestCredentials, _ algorithm: DigestAlgorithm, userSecret: Secret, method: Method
    ) -> String {
        digest(credentials, algorithm, userSecret, a2: "\(method):\(credentials.uri)")
    }

    /// `rspauth`, by which the server proves that it knows the password too.
    public static func answer(
        _ credentials: DigestCredentials, _ algorithm: DigestAlgorithm, userSecret: Secret
    ) -> String {
        digest(credentials, algorithm, userSecret, a2: ":\(credentials.uri)")
    }

    private static func digest(
        _ credentials: DigestCredentials, _ algorithm: DigestAlgorithm, _ userSecret: Secret, a2: String
    ) -> String {
        var octets: [UInt8] = []
        userSecret.withOctets { octets.append(contentsOf: $0) }
        defer { for index in octets.indices { octets[index] = 0 } }
        octets += Array(":\(credentials.nonce):".utf8)
        if let quality = credentials.quality {
            octets += Array(
                "\(eightDigits(credentials.nonceCount ?? 0)):\(credentials.cnonce ?? ""):\(quality):".utf8)
        }
        octets += Array(algorithm.hexHash(Array(a2.utf8)).utf8)
        return algorithm.hexHash(octets)
    }
}
