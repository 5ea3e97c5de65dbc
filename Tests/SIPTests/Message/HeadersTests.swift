import SIP
import Testing

struct HeadersTests {
    @Test(
        "RFC 3261 7.3.3: compact and long forms are one name",
        arguments: [("v", "VIA"), ("i", "call-id"), ("M", "Contact")])
    func compact(one: String, other: String) {
        #expect(HeaderName(one) == HeaderName(other))
    }

    @Test("RFC 3261 7.3.1: a list is split at commas outside quotes and angle brackets")
    func list() {
        let value = #"<sip:a@x;p=1,2>;q=0.1, "b, \", c" <sip:b@x> , sip:c@x"#
        #expect(Headers.splitList(value) == ["<sip:a@x;p=1,2>;q=0.1", #""b, \", c" <sip:b@x>"#, "sip:c@x"])
        #expect(Headers.splitList("") == [])
    }

    @Test("The first item is taken from a list, not the field")
    func removeFirst() {
        var headers = Headers()
        headers.append(.route, "<sip:a;lr>, <sip:b;lr>")
        headers.append(.route, "<sip:c;lr>")
        #expect(headers.removeFirst(.route) == "<sip:a;lr>")
        #expect(headers.list(.route) == ["<sip:b;lr>", "<sip:c;lr>"])
        headers.removeFirst(.route)
        headers.removeFirst(.route)
        #expect(headers.removeFirst(.route) == nil)
    }

    @Test("set keeps the place of the first and removes the others; prepend comes first")
    func set() {
        var headers = Headers()
        headers.append("A", "1")
        headers.append("B", "2")
        headers.append("A", "3")
        headers.set("a", to: "4")
        #expect(headers.fields.map(\.value) == ["4", "2"])
        headers.prepend("B", "0")
        #expect(headers.values("B") == ["0", "2"])
        headers.replaceFirst("B", with: "9")
        #expect(headers.values("B") == ["9", "2"])
    }
}
