import FoundationEssentials
import Glibc
import NIOCore
import SDP
import SwiftASN1
import Testing
import WireSyntax
import X509

@testable import Transport

@Suite("Identities and the laboratory's authority")
struct IdentityTests {
    @Test("RFC 4975 14.4: a self-signed P-256 certificate tells nothing about its owner, and no two are alike")
    func selfSigned() throws {
        let (one, other) = (try Identity.selfSigned(validFor: .hours(24)), try Identity.selfSigned())
        #expect(one.certificate != other.certificate)
        let certificate = try Certificate(derEncoded: one.certificate)
        #expect(certificate.subject == certificate.issuer)
        #expect(certificate.signatureAlgorithm == .ecdsaWithSHA256)
        #expect(certificate.notValidAfter.timeIntervalSince(certificate.notValidBefore) == 25 * 3600)
        #expect("\(one)".contains("<redacted>"))
    }

    @Test("RFC 8122 5: the fingerprint is the hash of the DER form; MD5 and MD2 are never computed")
    func fingerprints() throws {
        let identity = try Identity.selfSigned()
        for hash in [HashFunction.sha1, .sha256, .sha384, .sha512] {
            #expect(identity.fingerprint(hash)?.hasDigestLength == true)
        }
        #expect(identity.fingerprint(.md5) == nil && identity.fingerprint(.md2) == nil)
        #expect(
            CertificateDigest.fingerprint(of: Array("abc".utf8), hash: .sha256)?.hexadecimal.hasPrefix("BA:78:16:BF")
                == true)
    }

    @Test("A18: PEM files are written with mode 0600, also over an existing file, and read back")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/identity-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (certificateFile, keyFile) = (folder + "/cert.pem", folder + "/key.pem")
        #expect(FileManager.default.createFile(atPath: keyFile, contents: Data("old".utf8)))
        chmod(keyFile, 0o644)
        let identity = try Identity.selfSigned()
        try identity.save(certificateFile: certificateFile, keyFile: keyFile)
        for file in [certificateFile, keyFile] {
            var status = stat()
            #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
        #expect(try Identity(certificateFile: certificateFile, keyFile: keyFile).chain == identity.chain)
        #expect(throws: Identity.FileError.self) { try Identity(certificateFile: keyFile, keyFile: keyFile) }
        #expect(throws: Identity.FileError.self) { try Identity(certificateFile: folder + "/no", keyFile: keyFile) }
    }

    @Test("RFC 5922 7.1: the authority names servers by subject alternative names, addresses included")
    func authority() throws {
        let authority = try CertificateAuthority()
        let server = try authority.issue(for: [
            .name("pcscf.ims.lab"), .address(try #require(IPAddress("127.0.0.1"))),
        ])
        let certificate = try Certificate(derEncoded: server.certificate)
        let names = try #require(try certificate.extensions.subjectAlternativeNames)
        #expect(Array(names).count == 2)
        #expect(certificate.issuer == (try Certificate(derEncoded: authority.identity.certificate)).subject)
    }
}
