import Crypto
import FoundationEssentials
import NIOCore
import NIOSSL
import SwiftASN1
import WireSyntax
import X509

/// A certificate (with its chain) and its private key: what one end of a TLS connection shows and proves.
///
/// Media identities are self-signed: the SDP vouches for them by fingerprint (RFC 8122, RFC 4975 §14.4), so nothing in them needs to mean anything,
/// and the subject is random so that it tells nobody whose it is.
package struct Identity: Sendable {
    /// DER of the end certificate first, then of its issuers.
    package let chain: [[UInt8]]
    let certificates: [NIOSSLCertificate]
    let privateKey: NIOSSLPrivateKey
    private let keyPEM: Secret

    /// DER of the end certificate: what a fingerprint is computed over (RFC 8122 §5).
    package var certificate: [UInt8] { chain[0] }

    /// Life of a self-signed certificate (X3).
    package static let standardValidity = TimeAmount.hours(30 * 24)
    /// Certificates a PEM file may hold.
    package static let maximumChainLength = 8
    /// Octets a PEM file may have.
    package static let maximumFileSize = 256 * 1024

    /// A self-signed ECDSA P-256 certificate with a random subject and serial number.
    ///
    /// - Parameter now: begin of validity; it starts one hour earlier, for peers whose clocks are slow.
    package static func selfSigned(validFor validity: TimeAmount = standardValidity, now: Date = Date()) throws
        -> Identity
    {
        let key = P256.Signing.PrivateKey()
        let name = try randomName()
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: now.addingTimeInterval(-3600),
            notValidAfter: now.addingTimeInterval(Double(validity.nanoseconds) / 1e9),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
            },
            issuerPrivateKey: .init(key))
        return try Identity(certificates: [certificate], key: key)
    }

    init(certificates: [Certificate], key: P256.Signing.PrivateKey) throws {
        var chain: [[UInt8]] = []
        for certificate in certificates {
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            chain.append(serializer.serializedBytes)
        }
        try self.init(chain: chain, keyPEM: key.pemRepresentation)
    }

    private init(chain: [[UInt8]], keyPEM: String) throws {
        guard !chain.isEmpty else { throw FileError(reason: "no certificate") }
        self.chain = chain
        self.certificates = try chain.map { try NIOSSLCertificate(bytes: $0, format: .der) }
        self.privateKey = try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)
        self.keyPEM = Secret(keyPEM)
    }

    private static func randomName() throws -> DistinguishedName {
        let octets = (0..<8).map { _ in UInt8.random(in: 0...255) }
        let text = octets.map { octet in
            String(octet >> 4, radix: 16) + String(octet & 15, radix: 16)
        }
        return try DistinguishedName { CommonName(text.joined()) }
    }
}

extension Identity {
    /// Why an identity could not be loaded or saved: the file and what is wrong with it.
    package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
        package var path: String?
        package var reason: String
        package init(path: String? = nil, reason: String) {
            self.path = path
            self.reason = reason
        }
        package var description: String { path.map { "\($0): \(reason)" } ?? reason }
    }

    /// Certificates from one PEM file (the end certificate first), the private key from another or from the same.
    package init(certificateFile: String, keyFile: String) throws(FileError) {
        let chain = try Identity.certificates(file: certificateFile)
        let key = try Identity.documents(file: keyFile).first { $0.discriminator.hasSuffix("PRIVATE KEY") }
        guard let key else { throw FileError(path: keyFile, reason: "no private key in PEM form") }
        do {
            try self.init(chain: chain, keyPEM: key.pemString)
        } catch {
            throw FileError(path: certificateFile, reason: "not a certificate and its private key: \(error)")
        }
    }

    /// The DER of every certificate in a PEM file: a chain, or the authorities to trust.
    package static func certificates(file: String) throws(FileError) -> [[UInt8]] {
        let certificates = try documents(file: file).filter { $0.discriminator == "CERTIFICATE" }.map(\.derBytes)
        guard (1...maximumChainLength).contains(certificates.count) else {
            throw FileError(path: file, reason: "expected 1 to \(maximumChainLength) certificates in PEM form")
        }
        return certificates
    }

    /// Writes both PEM files, each with mode 0600. The same path twice makes one file of both.
    package func save(certificateFile: String, keyFile: String) throws {
        let certificates = chain.map { PEMDocument(type: "CERTIFICATE", derBytes: $0).pemString + "\n" }.joined()
        let key = keyPEM.withOctets { Array($0) } + [0x0A]
        if certificateFile == keyFile {
            try PrivateFile.write(Array(certificates.utf8) + key, to: certificateFile)
        } else {
            try PrivateFile.write(Array(certificates.utf8), to: certificateFile)
            try PrivateFile.write(key, to: keyFile)
        }
    }

    private static func documents(file: String) throws(FileError) -> [PEMDocument] {
        do {
            let octets = try Data(contentsOf: URL(filePath: file))
            guard octets.count <= maximumFileSize else { throw FileError(path: file, reason: "the file is too large") }
            return try PEMDocument.parseMultiple(pemString: String(decoding: octets, as: UTF8.self))
        } catch let error as FileError {
            throw error
        } catch {
            throw FileError(path: file, reason: "cannot be read as PEM: \(error)")
        }
    }
}

extension Identity: CustomStringConvertible {
    package var description: String { "Identity(\(chain.count) certificates, key <redacted>)" }
}
