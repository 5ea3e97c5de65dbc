import ArgumentParser
import FoundationEssentials
import Glibc
import Lab
import NIOCore
import WireSyntax

/// One message in, its tree out; a malformed one gives the located error.
struct DecodeCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable { case sip, sdp, msrp, h248 }

    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Print the tree of one message, or where it is malformed.",
        discussion: "Exits 0 with the tree on standard output, or 1 with file, line and octet on standard error.")

    @Argument(help: "sip, sdp, msrp or h248.")
    var format: Format

    @Argument(help: "The file with one message, as on the wire; - for standard input.")
    var file: String

    /// Octets of a message: more than any protocol here allows.
    static let maximumSize = 16 << 20

    func run() throws {
        let octets = try InputFile.read(file, limit: Self.maximumSize)
        do {
            let tree = try MessageTree.decode(octets, format)
            Terminal.standardOutput(ProcessInfo.processInfo.environment).write(tree.text)
        } catch let error as SyntaxError {
            throw Self.failure(error, in: octets, file: file)
        }
    }

    /// `FILE:LINE: octet N: what is wrong`.
    static func failure(_ error: SyntaxError, in octets: ByteBuffer, file: String) -> CommandFailure {
        let name = file == "-" ? "standard input" : displayEscaped(file)
        let newlines = octets.readableBytesView.prefix(max(0, error.offset)).filter { $0 == 0x0A }.count
        let line: Int = error.line ?? (1 + newlines)
        let field = error.field.map { displayEscaped($0) + ": " } ?? ""
        return CommandFailure(
            message: "\(name):\(line): octet \(error.offset): \(field)\(displayEscaped(error.reason))")
    }
}

/// Reading what the user named, within a limit.
enum InputFile {
    static func read(_ path: String, limit: Int) throws -> ByteBuffer {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { if path != "-" { close(descriptor) } }
        var result = ByteBuffer()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 { throw failure(path) }
            if count == 0 { return result }
            result.writeBytes(buffer[..<count])
            guard result.readableBytes <= limit else {
                throw CommandFailure(
                    message:
                        "error: \(displayEscaped(path)): larger than \(limit) octets. Give a file with one message.",
                    status: ExitStatus.usage)
            }
        }
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure(
            message: "error: \(displayEscaped(path)): \(String(cString: strerror(errno))). Check the path.",
            status: ExitStatus.usage)
    }
}
