import H248
import NIOCore
import Testing
import WireSyntax

/// What a message is refused with, and where.
struct Malformed: Sendable, CustomTestStringConvertible {
    var text: String
    var code: UInt16
    var offset: Int
    var transaction: UInt32?
    var testDescription: String { "\(code): \(text.prefix(60))" }

    init(_ text: String, _ code: UInt16, at offset: Int, transaction: UInt32? = nil) {
        self.text = text
        self.code = code
        self.offset = offset
        self.transaction = transaction
    }
}

@Suite("RFC 3525 Annex B.2: hostile and malformed input is located")
struct MalformedTests {
    static let head = "MEGACO/2 [192.0.2.1]:2944 "

    /// Offsets count from after the header.
    static let rows: [Malformed] = [
        Malformed("", 400, at: 0),
        Malformed("Foo = 1 {}", 400, at: 0),
        Malformed("Transaction = 1 { Context = 1 { Frob = x } }", 443, at: 32, transaction: 1),
        Malformed("Transaction = 1 { Context = 1 { Add = x { Frob {} } } }", 444, at: 42, transaction: 1),
        Malformed("Transaction = 1 { Context = 1 { Add = x { Packages {g-1} } } }", 447, at: 42, transaction: 1),
        Malformed("Transaction = 1 { Context = 1 { Add = x { Signals{}, SG{} } } }", 448, at: 53, transaction: 1),
        Malformed(
            "Transaction = 1 { Context = 1 { Add = x { Media { Stream = 1 { Mode = Inactive } } } } }", 444, at: 63,
            transaction: 1),
        Malformed(
            "Transaction = 1 { Context = 1 { Add = x { Media { Local { a }, Local { b } } } } }", 448, at: 63,
            transaction: 1),
        Malformed(
            "Transaction = 1 { Context = 1 { Add = x { Media { LocalControl { Mode = Sideways } } } } }", 517, at: 72,
            transaction: 1),
        Malformed(
            "Transaction = 1 { Context = 1 { Add = x { Media { LocalControl { a/b = 1, A/B = 2 } } } } }", 456, at: 74,
            transaction: 1),
        Malformed("Transaction = 1 { Context = 4294967296 { Subtract = * } }", 403, at: 28, transaction: 1),
        Malformed("Transaction = 4294967296 { }", 400, at: 14),
        Malformed("Transaction = 99999999999 { }", 400, at: 14),
        Malformed("Transaction = 1 { Context = - { AuditValue = ROOT } }", 442, at: 32, transaction: 1),
        Malformed("Transaction = 1 { Context = - { AuditValue = ROOT {} } }", 442, at: 53, transaction: 1),
        Malformed("Transaction = 1 { Kontext = - { Subtract = * } }", 422, at: 18, transaction: 1),
        Malformed("Transaction = 1 { Context = - { Subtract = * }", 403, at: 46, transaction: 1),
        Malformed("Transaction = 1 { Context = - { Add = x { Media { Local { v=0", 442, at: 58, transaction: 1),
        Malformed(
            "Transaction = 1 { Context = - { ServiceChange = ROOT { Services { Frob = 1 } } } }", 446, at: 66,
            transaction: 1),
        Malformed(
            "Transaction = 1 { Context = - { Notify = x { ObservedEvents = 1 { 2020T1:g/cause } } } }", 442, at: 66,
            transaction: 1),
        Malformed("Error = 12345 { }", 400, at: 8),
        Malformed("Error = 400 { \"a\" } x", 400, at: 20),
        Malformed("K { 5-4 }", 400, at: 7),
        Malformed("Pending = 1 { x }", 400, at: 14),
    ]

    @Test("the error code and the octet", arguments: rows)
    func located(row: Malformed) {
        do {
            let message = try MessageDecoder().decode(ByteBuffer(string: Self.head + row.text))
            Issue.record("read as \(message)")
        } catch {
            #expect(error.code.rawValue == row.code, "\(error)")
            #expect(error.syntax.offset - Self.head.utf8.count == row.offset, "\(error)")
            #expect(error.transaction == row.transaction, "\(error)")
            #expect(error.sender == .address(.v4(0xC000_0201), port: 2944))
        }
    }

    @Test(
        "RFC 3525 8.3, 10.2: headers",
        arguments: [
            "", "MEGACO", "MEGACO/", "MEGACO/x", "MEGACO/100 [1.2.3.4]:1 ", "MEGACO/1[1.2.3.4] T=1{}",
            "MEGACO/1 [1.2.3] T=1{}",
            "MEGACO/1 [1.2.3.4]:65536 T=1{}", "MEGACO/1 <> T=1{}", "MEGACO/1 <a", "SIP/2.0 200 OK",
            "; no end of comment",
            "MEGACO/1 MTP{12} T=1{}", "Authentication = 0x1:0x2:0x3 MEGACO/1 [1.2.3.4] T=1{}",
        ])
    func headers(text: String) {
        #expect(throws: SyntaxError.self) { try Message(decoding: ByteBuffer(string: text)) }
    }

    @Test(
        "mIds of every kind",
        arguments: ["[192.0.2.1]", "[2001:db8::1]:2944", "<mgc.example>:2944", "gw1/a@example.org", "MTP{1A2B}"])
    func identifiers(text: String) throws {
        let message = try Message(decoding: ByteBuffer(string: "MEGACO/2 \(text)\nPending = 1 {}"))
        #expect(message.sender.description == text)
        #expect(try Message(decoding: message.encoded(form: .short)) == message)
    }

    @Test("Appendix I as printed leaves the grammar where its examples do", arguments: AppendixI.asPrinted.indices)
    func asPrinted(index: Int) {
        let row = AppendixI.asPrinted[index]
        do {
            _ = try Message(decoding: ByteBuffer(string: row.text))
            Issue.record("accepted")
        } catch {
            #expect(error.line == row.line)
        }
    }

    static let meaningful: [UInt8] = [0x00, 0x0A, 0x22, 0x24, 0x2A, 0x2C, 0x3B, 0x3D, 0x5C, 0x7B, 0x7D, 0xFF, 0x2F]

    @Test("every prefix and every single changed octet ends in a value or a located error")
    func mutations() throws {
        for text in AppendixI.wellFormed {
            let octets = Array(text.utf8)
            for count in octets.indices {
                check(octets[..<count])
            }
            for index in octets.indices {
                // Every octet that has a meaning in the grammar, in turn.
                let octet = Self.meaningful[index % Self.meaningful.count]
                var copy = octets
                copy[index] = octet
                check(copy[...])
            }
        }
    }

    private func check(_ octets: ArraySlice<UInt8>) {
        do {
            let message = try MessageDecoder().decode(ByteBuffer(bytes: octets))
            // SDP gets the line end that it may have lacked: compare what is written, which is what counts.
            let written = message.encoded(form: .short)
            let again = try Message(decoding: written).encoded(form: .short)
            if again != written { Issue.record("\(String(decoding: octets, as: UTF8.self))") }
        } catch let error as DecodingFailure {
            if error.syntax.offset > octets.count { Issue.record("\(error)") }
        } catch {
            Issue.record("what was written can't be read: \(String(decoding: octets, as: UTF8.self))")
        }
    }

    @Test("limits")
    func limits() {
        func code(_ body: String, _ change: (inout DecodingLimits) -> Void = { _ in }) -> UInt16? {
            var limits = DecodingLimits()
            change(&limits)
            do {
                _ = try MessageDecoder(limits: limits).decode(ByteBuffer(string: Self.head + body))
                return nil
            } catch { return error.code.rawValue }
        }
        #expect(code(String(repeating: "Pending=1{}", count: 3)) { $0.items = 2 } == 413)
        #expect(code("T=1{C=1{S=a,S=b,S=c}}") { $0.commands = 2 } == 510)
        #expect(code("T=1{C=1{S=a},C=2{S=b},C=3{S=c}}") { $0.actions = 2 } == 510)
        #expect(code("T=1{C=1{A=a{M{ST=1{O{MO=IN}},ST=2{O{MO=IN}}}}}}") { $0.streams = 1 } == 510)
        #expect(code("T=1{C=1{A=a{SG{a/b,a/c,a/d}}}}") { $0.listItems = 2 } == 510)
        #expect(code("T=1{C=1{A=a{M{L{v=0 a=123456}}}}}") { $0.sessionDescriptionLength = 8 } == 442)
        #expect(code("T=1{C=1{A=a{DM={" + String(repeating: "{", count: 20)) == 442)
        #expect(code("T=1{C=1{A=\(String(repeating: "x", count: 65))}}") == 410)
        #expect(code("ER=400{}") { $0.messageSize = 10 } == 400)
    }
}
