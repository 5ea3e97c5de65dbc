import Authentication
import Glibc
import Testing

@testable import UserEquipment

@Suite struct SequenceFileTests {
    /// A folder for one test, which removes it.
    private static func folder() throws -> String {
        var template = Array("/tmp/sallyport-sqn-XXXXXX".utf8CString)
        return String(cString: try #require(mkdtemp(&template)))
    }

    @Test("The numbers used outlive the UE, in a file of mode 0600; nothing else is taken for them")
    func kept() throws {
        let folder = try Self.folder()
        let file = SequenceFile(path: folder + "/sqn")
        defer {
            unlink(file.path)
            rmdir(folder)
        }
        #expect(try file.load() == SequenceWindow())
        var window = SequenceWindow()
        _ = window.accept(SequenceNumber(sequence: 77, index: 13))
        try file.store(window)
        try file.store(window)
        #expect(try file.load() == window)
        var status = stat()
        try #require(stat(file.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        try #require(truncate(file.path, 4) == 0)
        #expect(throws: SequenceFile.Failure.foreign(path: file.path)) { try file.load() }
        #expect(throws: SequenceFile.Failure.self) { try SequenceFile(path: folder + "/none/sqn").store(window) }
    }
}
