import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The octets of a file of Tests/SIPTests/Fixtures.
func fixture(_ name: String, from file: String = #filePath) throws -> ByteBuffer {
    let folder = URL(filePath: file).deletingLastPathComponent().appending(path: "../Fixtures").standardized
    return ByteBuffer(bytes: Array(try Data(contentsOf: folder.appending(path: name + ".dat"))))
}
