import Crypto
import FoundationEssentials
import NIOCore
import SwiftASN1
import WireSyntax
import X509

/// The laboratory's own certificate authority. It names the P-CSCF on Gm, so that a UE can check whom it talks to (RFC 5922); it has no part in the
/// media plane, where fingerprints decide.
package struct CertificateAuthority: Sendable {
    /// Its certificate and key, for `save`; a UE is given the certificate alone.
    package let identity: Identity
    private let key: P256.Signing.PrivateKey
    private let name: DistinguishedName

    /// A new authority, valid for ten years.
    package init(commonName: String = "Sallyport laboratory CA", now: Date = Date()) throws {
        key = P256.Signing.PrivateKey()
        name = try DistinguishedName { CommonName(commonName) }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: now.addingTimeInterval(-3600), notValidAfter: now.addingTimeInterval(3650 * 86400),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            },
            issuerPrivateKey: .init(key))
        identity = try Identity(certificates: [certificate], key: key)
    }

    /// A server certificate for these names and addresses, as subject alternative names (RFC 5922 §7.1: the subject's common name does not count).
    package func issue(
        for hosts: [Host], validFor validity: TimeAmount = Identity.standardValidity, now: Date = Date()
    ) throws -> Identity {
        let names: [GeneralName] = hosts.map { host in
            switch host {
            case .name(let name): .dnsName(name)
            case .address(let address): .ipAddress(ASN1OctetString(contentBytes: address.octets[...]))
            }
        }
        let serverKey = P256.Signing.PrivateKey()
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(serverKey.publicKey),
            notValidBefore: now.addingTimeInterval(-3600),
            notValidAfter: now.addingTimeInterval(Double(validity.nanoseconds) / 1e9),
            issuer: name, subject: try DistinguishedName { CommonName(hosts.first?.description ?? "server") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(names)
            },
            issuerPrivateKey: .init(key))
        return try Identity(certificates: [certificate], key: serverKey)
    }

    /// The authority's certificate alone, in PEM form, for those who are to trust it.
    package var certificatePEM: String {
        PEMDocument(type: "CERTIFICATE", derBytes: identity.certificate).pemString + "\n"
    }
}
