import WireSyntax

/// The value of each line type (RFC 8866 §9).
enum LineGrammar {
    typealias Line = DescriptionParser.Line

    static func string(_ octets: some Sequence<UInt8>) -> String { String(decoding: Array(octets), as: UTF8.self) }

    static func text(_ line: Line) throws(SyntaxError) -> OctetText {
        try checked(line, "empty") { !$0.isEmpty }
    }

    static func checked(
        _ line: Line, _ fault: String, _ isValid: (ArraySlice<UInt8>) -> Bool
    ) throws(SyntaxError) -> OctetText {
        guard isValid(line.value) else { throw line.error(fault) }
        return OctetText(checked: line.value)
    }

    static func origin(_ line: Line) throws(SyntaxError) -> Origin {
        let fields = Grammar.fields(line.value)
        guard fields.count == 6 else { throw line.error("\(fields.count) fields instead of 6") }
        guard Grammar.isNonWhiteSpace(fields[0]) else { throw line.error("no user name") }
        guard Grammar.isDigits(fields[1]) else { throw line.error("the session id is not a number") }
        guard Grammar.isDigits(fields[2]) else { throw line.error("the session version is not a number") }
        try networkAndAddress(fields[3...], line)
        return Origin(
            username: OctetText(checked: fields[0]), sessionID: string(fields[1]), sessionVersion: string(fields[2]),
            networkType: string(fields[3]), addressType: string(fields[4]), address: OctetText(checked: fields[5]))
    }

    static func connection(_ line: Line) throws(SyntaxError) -> ConnectionData {
        let fields = Grammar.fields(line.value)
        guard fields.count == 3 else { throw line.error("\(fields.count) fields instead of 3") }
        try networkAndAddress(fields[...], line)
        return ConnectionData(
            networkType: string(fields[0]), addressType: string(fields[1]), address: OctetText(checked: fields[2]))
    }

    private static func networkAndAddress(
        _ fields: ArraySlice<ArraySlice<UInt8>>, _ line: Line
    ) throws(SyntaxError) {
        let first = fields.startIndex
        guard Grammar.isToken(fields[first]) else { throw line.error("the network type is not a token") }
        guard Grammar.isToken(fields[first + 1]) else { throw line.error("the address type is not a token") }
        guard Grammar.isNonWhiteSpace(fields[first + 2]) else { throw line.error("no address") }
    }

    static func bandwidth(_ line: Line) throws(SyntaxError) -> Bandwidth {
        guard let colon = line.value.firstIndex(of: UInt8(ascii: ":")) else { throw line.error("no colon") }
        let type = line.value[..<colon]
        let value = line.value[(colon + 1)...]
        guard Grammar.isToken(type) else { throw line.error("the type is not a token") }
        guard Grammar.isDigits(value) else { throw line.error("the value is not a number") }
        return Bandwidth(type: string(type), value: string(value))
    }

    static func time(_ line: Line) throws(SyntaxError) -> TimeDescription {
        let fields = Grammar.fields(line.value)
        guard fields.count == 2 else { throw line.error("\(fields.count) fields instead of 2") }
        guard fields.allSatisfy(Grammar.isTime) else { throw line.error("a time is neither 0 nor of ten digits") }
        return TimeDescription(start: string(fields[0]), stop: string(fields[1]))
    }

    static func repeatTimes(_ line: Line) throws(SyntaxError) -> String {
        let fields = Grammar.fields(line.value)
        guard fields.count >= 3, Grammar.isRepeatInterval(fields[0]), fields.dropFirst().allSatisfy(Grammar.isTypedTime)
        else { throw line.error("not an interval, a duration and offsets") }
        return string(line.value)
    }

    static func zone(_ line: Line) throws(SyntaxError) -> String {
        let fields = Grammar.fields(line.value)
        let valid = fields.enumerated().allSatisfy { index, field in
            index.isMultiple(of: 2)
                ? Grammar.isTime(field) && field.count >= 10
                : Grammar.isTypedTime(field.first == UInt8(ascii: "-") ? field.dropFirst() : field)
        }
        guard fields.count.isMultiple(of: 2), valid else { throw line.error("not pairs of a time and an offset") }
        return string(line.value)
    }

    static func attribute(_ line: Line) throws(SyntaxError) -> Attribute {
        let colon = line.value.firstIndex(of: UInt8(ascii: ":"))
        let name = line.value[..<(colon ?? line.value.endIndex)]
        guard Grammar.isToken(name) else { throw line.error("the attribute's name is not a token") }
        guard let colon else { return Attribute(name: string(name), octets: nil) }
        let value = line.value[(colon + 1)...]
        guard !value.isEmpty else { throw line.error("nothing after the colon of \(string(name))") }
        return Attribute(name: string(name), octets: OctetText(checked: value))
    }

    static func media(_ line: Line) throws(SyntaxError) -> MediaDescription {
        let fields = Grammar.fields(line.value)
        guard fields.count >= 4 else { throw line.error("fewer than media, port, transport and one format") }
        guard Grammar.isToken(fields[0]) else { throw line.error("the media type is not a token") }
        let ports = fields[1].split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        guard Grammar.isDigits(ports[0]), let port = Int(string(ports[0])) else {
            throw line.error("the port is not a number")
        }
        if ports.count == 2, !Grammar.isInteger(ports[1]) { throw line.error("the number of ports is not a number") }
        guard Grammar.isProto(fields[2]) else { throw line.error("the transport is not tokens with slashes between") }
        guard fields[3...].allSatisfy({ Grammar.isToken($0) }) else { throw line.error("a format is not a token") }
        var media = MediaDescription(
            media: string(fields[0]), port: port, proto: string(fields[2]), formats: fields[3...].map(string))
        if ports.count == 2 { media.portCount = string(ports[1]) }
        return media
    }
}
