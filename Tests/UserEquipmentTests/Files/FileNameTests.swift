import Testing

@testable import UserEquipment

@Suite struct FileNameTests {
    @Test(
        "A17: a peer's file name never becomes a path",
        arguments: [
            ("report.pdf", "report.pdf"), ("../../etc/passwd", "passwd"), ("/etc/shadow", "shadow"), ("..", "file"),
            (".", "file"),
            ("", "file"), ("/", "file"), ("a/", "file"), ("..\\..\\boot.ini", "boot.ini"), (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("a\u{0}b\u{7}c\u{1b}[31m.txt", "abc[31m.txt"), ("x\r\ny", "xy"), ("gpj.\u{202e}exe", "gpj.exe"),
            ("  . .x. . ", "x"),
            ("a:b*c?.txt", "a_b_c_.txt"), ("日本語.txt", "日本語.txt"), ("$(reboot)`x`", "_(reboot)_x_"),
        ])
    func cleaned(_ name: String, _ expected: String) {
        #expect(FileName.cleaned(name) == expected)
    }

    @Test("names are bounded and keep their extension; variants stand before it")
    func bounds() {
        let long = FileName.cleaned(String(repeating: "ä", count: 500) + ".jpeg")
        #expect(long.utf8.count <= FileName.maximumOctets && long.hasSuffix(".jpeg"))
        #expect(FileName.cleaned("x." + String(repeating: "y", count: 500)).utf8.count <= FileName.maximumOctets)
        #expect(FileName.cleaned(nil) == "file")
        #expect(
            FileName.variant("a.tar.gz", 2) == "a.tar-2.gz" && FileName.variant("a", 1) == "a-1"
                && FileName.variant("a", 0) == "a")
    }

    @Test(
        "RFC 2183: the file name of a Content-Disposition",
        arguments: [
            ("attachment; filename=\"a;b \\\"c\\\".txt\"", "attachment", "a;b \"c\".txt"),
            ("Attachment;size=3; FileName=x", "attachment", "x"),
            ("render", "render", nil), ("", "", nil), ("attachment; filename=\"open", "attachment", "\"open"),
        ])
    func disposition(_ value: String, _ type: String, _ name: String?) {
        #expect(ContentDisposition(value).type == type)
        #expect(ContentDisposition(value).filename == name)
    }

    @Test("our own file name is read back by the same rules")
    func ownName() {
        let value = ContentDisposition.attachment("/home/alice/my \"best\" photo\r\nX: y.png")
        #expect(!value.contains("\r") && !value.contains("\n"))
        #expect(ContentDisposition(value).filename == "my _best_ photoX_ y.png")
    }
}
