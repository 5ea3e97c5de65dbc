import Crypto
import FoundationEssentials
import Transport
import WireSyntax

extension LabContent {
    /// Octets of the file that is sent when the user names none.
    package static let standardFileSize = 5 << 20
    /// Octets of a file of the user's.
    package static let maximumFileSize = 1 << 30
    package static let standardMessage = "Sallyport: one door never opens before the other is closed."

    package struct ContentError: Error, CustomStringConvertible {
        package var description: String
    }

    /// - Parameters:
    ///   - file: the user's; nil makes one of random octets in `folder`.
    package static func make(message: String?, file: String?, in folder: PrivateFolder) throws -> LabContent {
        let text = message ?? standardMessage
        guard !text.isEmpty else { throw ContentError(description: "--message: empty. Give at least one character.") }
        let octets: Data
        let path: String
        if let file {
            do {
                octets = try Data(contentsOf: URL(filePath: file))
            } catch {
                throw ContentError(description: "--file: \(displayEscaped(file)) cannot be read. Check the path.")
            }
            guard (1...maximumFileSize).contains(octets.count) else {
                throw ContentError(
                    description:
                        "--file: \(displayEscaped(file)) has \(octets.count) octets, 1 to \(maximumFileSize) can be sent."
                )
            }
            path = file
        } else {
            var generator = SystemRandomNumberGenerator()
            var words: [UInt8] = []
            words.reserveCapacity(standardFileSize)
            for _ in 0..<(standardFileSize / 8) {
                withUnsafeBytes(of: generator.next()) { words.append(contentsOf: $0) }
            }
            octets = Data(words)
            path = folder.file("five-mebibytes.bin")
            try PrivateFile.write(words, to: path)
        }
        return LabContent(
            message: text, messageDigest: sent(text).digest, file: path,
            fileSent: SentContent(bytes: octets.count, digest: hexadecimal(SHA256.hash(data: octets))))
    }

    /// A text as it must arrive.
    static func sent(_ text: String) -> SentContent {
        SentContent(bytes: text.utf8.count, digest: hexadecimal(SHA256.hash(data: Data(text.utf8))))
    }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String {
        digest.map { octet in
            let text = String(octet, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
