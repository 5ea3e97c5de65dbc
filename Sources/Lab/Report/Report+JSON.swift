import FoundationEssentials
import Transport

extension Report {
    /// JSON with the keys in the order of their names; absent values are `null`, so that every leg has every key.
    package func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self)) + [0x0A]
    }

    /// Writes the file with mode 0600.
    package func write(to path: String) throws { try PrivateFile.write(try json(), to: path) }
}
