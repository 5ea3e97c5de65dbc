import NIOCore
import Testing

@testable import MSRP

/// The messages that the specifications print.
@Suite struct RFCExamplesTests {
    @Test(
        "RFC 4975 11, RFC 4976, RFC 7701: their own messages are well-formed",
        arguments: [
            """
            MSRP d93kswow SEND
            To-Path: msrp://bobpc.example.com:8888/9di4eae923wzd;tcp
            From-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp
            Message-ID: 12339sdqwer
            Byte-Range: 1-16/16
            Content-Type: text/plain

            Hi, I'm Alice!
            -------d93kswow$

            """,
            """
            MSRP dkei38sd SEND
            To-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp
            From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp
            Message-ID: 456s9wlk3
            Byte-Range: 1-21/21
            Content-Type: text/plain

            Hi, Alice!  I'm Bob!
            -------dkei38sd$

            """,
            """
            MSRP d93kswow SEND
            To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp
            From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp
            Message-ID: 12339sdqwer
            Byte-Range: 1-137/148
            Content-Type: message/cpim

            To: Bob <sip:bob@example.com>
            From: Alice <sip:alice@example.com>
            DateTime: 2006-05-15T15:02:31-03:00
            Content-Type: text/plain

            ABCD
            -------d93kswow+

            """,
            """
            MSRP dkei38sd REPORT
            To-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp
            From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp
            Message-ID: 12339sdqwer
            Byte-Range: 1-106/106
            Status: 000 200 OK
            -------dkei38sd$

            """,
            """
            MSRP 49fh AUTH
            To-Path: msrps://alice@intra.example.com;tcp
            From-Path: msrps://alice.example.com:9892/98cjs;tcp
            -------49fh$

            """,
            """
            MSRP 49fh 401 Unauthorized
            To-Path: msrps://alice.example.com:9892/98cjs;tcp
            From-Path: msrps://alice@intra.example.com;tcp
            WWW-Authenticate: Digest realm="intra.example.com", qop="auth", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"
            -------49fh$

            """,
            """
            MSRP 6aef SEND
            To-Path: msrps://a.example.org:9000/kjfjan;tcp msrps://b.example.net:9000/aeiug;tcp msrps://bob.example.net:8145/foo;tcp
            From-Path: msrps://alice.example.org:7965/bar;tcp
            Success-Report: yes
            Byte-Range: 1-*/*
            Message-ID: 87652
            Content-Type: text/plain

            Hi Bob, I'm about to send you file.mpeg
            -------6aef$

            """,
            """
            MSRP d93kswow NICKNAME
            To-Path: msrp://chat.example.com:7654/jshA7weztas;tcp
            From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp
            Use-Nickname: "Alice the great"
            -------d93kswow$

            """,
        ])
    func wellFormed(_ text: String) throws {
        _ = try MSRPMessage(ByteBuffer(string: crlf(text)))
    }
}
