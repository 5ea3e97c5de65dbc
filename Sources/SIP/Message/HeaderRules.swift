import WireSyntax

/// What is well-formed in each header that is known here. A header that is not in the table is kept as it came.
enum HeaderRules {
    /// In every message (RFC 3261 §8.1.1). Max-Forwards is absent in messages of RFC 2543, and its absence is no syntax error.
    static let mandatory: [HeaderName] = [.via, .from, .to, .callID, .cSeq]

    /// Not comma lists: once only (§7.3.1).
    static let singleValued: Set<HeaderName> = [
        .callID, .contentDisposition, .contentLength, .contentType, .cSeq, .date, .event, .expires, .from, .maxForwards,
        "MIME-Version", .minExpires, "Min-SE", "Organization", .pChargingVector, "Priority", .rAck, .referTo,
        "Referred-By", "Replaces", "Reply-To", .retryAfter, .rSeq, .server, .sessionExpires, "SIP-ETag", "SIP-If-Match",
        .subject, .subscriptionState, "Target-Dialog", "Timestamp", .to, .userAgent, "Join", "Flow-Timer",
    ]

    /// What is known of one header.
    struct Entry: Sendable {
        var rule: Rule
        var isSingleValued: Bool
        fileprivate var bit: Int
    }

    /// Which known headers a message has shown; one bit each.
    struct Seen {
        private var bits: UInt128 = 0

        /// Whether it is the first of its name.
        mutating func insert(_ entry: Entry) -> Bool {
            let mask = UInt128(1) << entry.bit
            defer { bits |= mask }
            return bits & mask == 0
        }

        func contains(_ name: HeaderName) -> Bool {
            guard let entry = HeaderRules.entry(name) else { return false }
            return bits >> entry.bit & 1 == 1
        }
    }

    static func entry(_ name: HeaderName) -> Entry? { entries[name] }

    private static let entries: [HeaderName: Entry] = {
        let names = Set(rules.keys).union(singleValued).sorted { $0.key < $1.key }
        // One bit of `Seen` a header; a test counts them.
        precondition(names.count <= UInt128.bitWidth)
        return Dictionary(
            uniqueKeysWithValues: names.enumerated().map { bit, name in
                (name, Entry(rule: rules[name] ?? .text, isSingleValued: singleValued.contains(name), bit: bit))
            })
    }()

    enum Rule: Sendable {
        /// Any text.
        case text
        case address, addressList, bracketedList, contact, via, callID, cSeq, contentLength, mediaType, date
        case number(UInt64), retryAfter, rAck, secondsWithParameters
        case tokens(atLeastOne: Bool), token, tokenWithParameters, tokenWithParametersList
        case credentials, authenticationInfo, timestamp, warning
        case mediaRanges, languages, callIDs, callIDWithParameters, informationURIs, mimeVersion
    }

    private static let rules: [HeaderName: Rule] = [
        .via: .via, .from: .address, .to: .address, .callID: .callID, .cSeq: .cSeq, .contentLength: .contentLength,
        .contact: .contact,
        .route: .bracketedList, .recordRoute: .bracketedList, .path: .bracketedList, .serviceRoute: .bracketedList,
        .referTo: .address, "Referred-By": .address, "Reply-To": .address, .pAssertedIdentity: .addressList,
        .pPreferredIdentity: .addressList, .pAssociatedURI: .addressList, .pCalledPartyID: .address,
        .maxForwards: .number(255), .expires: .number(UInt64(UInt32.max)), .minExpires: .number(UInt64(UInt32.max)),
        .rSeq: .number(UInt64(UInt32.max)), .rAck: .rAck, "Min-SE": .secondsWithParameters,
        .sessionExpires: .secondsWithParameters, .retryAfter: .retryAfter, .contentType: .mediaType, .date: .date,
        .contentDisposition: .tokenWithParameters, .event: .tokenWithParameters,
        .subscriptionState: .tokenWithParameters, .contentEncoding: .tokens(atLeastOne: true),
        .require: .tokens(atLeastOne: true), .proxyRequire: .tokens(atLeastOne: true),
        .unsupported: .tokens(atLeastOne: true), .supported: .tokens(atLeastOne: false),
        .allow: .tokens(atLeastOne: false), .allowEvents: .tokens(atLeastOne: true),
        .securityClient: .tokenWithParametersList, .securityServer: .tokenWithParametersList,
        .securityVerify: .tokenWithParametersList, .reason: .tokenWithParametersList, "Priority": .token,
        .authorization: .credentials, .proxyAuthorization: .credentials, .wwwAuthenticate: .credentials,
        .proxyAuthenticate: .credentials, .authenticationInfo: .authenticationInfo,
        "Proxy-Authentication-Info": .authenticationInfo, "Timestamp": .timestamp, .warning: .warning,
        .accept: .mediaRanges, "Accept-Encoding": .languages, "Accept-Language": .languages,
        "Content-Language": .tokens(atLeastOne: true), "In-Reply-To": .callIDs, "Replaces": .callIDWithParameters,
        "Join": .callIDWithParameters, "Target-Dialog": .callIDWithParameters, "Alert-Info": .informationURIs,
        "Call-Info": .informationURIs, "Error-Info": .informationURIs, "MIME-Version": .mimeVersion,
        "SIP-ETag": .token, "SIP-If-Match": .token, "Flow-Timer": .number(UInt64(UInt32.max)),
        "Accept-Contact": .tokenWithParametersList, "Reject-Contact": .tokenWithParametersList,
    ]

    /// Throws what is wrong with one field value; the cursor stands at its beginning.
    static func check(_ rule: Rule, _ cursor: inout Cursor) throws(SyntaxError) {
        switch rule {
        case .text: return
        case .address:
            let start = cursor.position
            let address = try cursor.nameAddress()
            if address.parameters.has("tag"), address.tag.map({ CharacterSet.token.matches($0) }) != true {
                throw cursor.fail("the tag is not a token", at: start)
            }
        case .addressList:
            repeat { _ = try cursor.nameAddress() } while cursor.separator(",")
        case .bracketedList:
            repeat { _ = try cursor.nameAddress(isBracketed: true) } while cursor.separator(",")
        case .contact:
            if cursor.take("*") { break }
            repeat { _ = try cursor.nameAddress() } while cursor.separator(",")
        case .via:
            repeat { _ = try cursor.via() } while cursor.separator(",")
        case .callID: try cursor.callID()
        case .callIDs:
            repeat { try cursor.callID() } while cursor.separator(",")
        case .callIDWithParameters:
            try cursor.callID()
            _ = try cursor.parameters()
        case .mediaRanges:
            if cursor.isAtEnd { return }
            repeat { try cursor.mediaRange() } while cursor.separator(",")
        case .languages:
            if cursor.isAtEnd { return }
            repeat {
                _ = try cursor.token()
                _ = try cursor.parameters()
            } while cursor.separator(",")
        case .informationURIs:
            repeat {
                guard cursor.takeAfterWhiteSpace("<") else { throw cursor.fail("expected \"<\"") }
                _ = try cursor.uri()
                guard cursor.take(">") else { throw cursor.fail("unexpected character in the address") }
                _ = try cursor.parameters()
            } while cursor.separator(",")
        case .mimeVersion:
            _ = try cursor.number("the version", upTo: 999)
            guard cursor.take(".") else { throw cursor.fail("expected \".\"") }
            _ = try cursor.number("the version", upTo: 999)
        case .authenticationInfo:
            _ = try cursor.authenticationParameters()
            return
        case .cSeq: _ = try cursor.cSeq()
        case .contentLength: _ = try cursor.number("Content-Length", upTo: UInt64(Int32.max))
        case .mediaType: _ = try cursor.mediaType()
        case .date: try cursor.date()
        case .number(let limit): _ = try cursor.number("the value", upTo: limit)
        case .rAck:
            _ = try cursor.number("the response number", upTo: UInt64(UInt32.max))
            guard cursor.skipWhiteSpace() else { throw cursor.fail("expected white space") }
            _ = try cursor.cSeq()
        case .secondsWithParameters:
            _ = try cursor.number("the value", upTo: UInt64(UInt32.max))
            _ = try cursor.parameters()
        case .retryAfter:
            _ = try cursor.number("the value", upTo: UInt64(UInt32.max))
            cursor.skipWhiteSpace()
            if cursor.current == UInt8(ascii: "(") { try cursor.comment(depth: 0) }
            _ = try cursor.parameters()
        case .tokens(let atLeastOne):
            if cursor.isAtEnd, !atLeastOne { return }
            repeat { _ = try cursor.token() } while cursor.separator(",")
        case .token: _ = try cursor.token()
        case .tokenWithParameters:
            _ = try cursor.token()
            _ = try cursor.parameters()
        case .tokenWithParametersList:
            repeat {
                _ = try cursor.token()
                _ = try cursor.parameters()
            } while cursor.separator(",")
        case .credentials:
            try cursor.authentication()
            return
        case .timestamp:
            try cursor.decimal()
            if cursor.skipWhiteSpace(), !cursor.isAtEnd { try cursor.decimal() }
        case .warning:
            repeat { try cursor.warning() } while cursor.separator(",")
        }
        try cursor.expectEnd()
    }
}

extension Cursor {
    /// `rfc1123-date`, always GMT (§20.17).
    fileprivate mutating func date() throws(SyntaxError) {
        let start = position
        let text = text(in: position..<end)
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        let days = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let isNumber = { (text: Substring, count: Int) in
            text.utf8.count == count && text.utf8.allSatisfy { CharacterSet.isDigit($0) }
        }
        guard parts.count == 6, days.contains(String(parts[0])), isNumber(parts[1], 2),
            months.contains(String(parts[2])),
            isNumber(parts[3], 4), parts[5] == "GMT"
        else { throw fail("not an RFC 1123 date in GMT", at: start) }
        let time = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard time.count == 3, time.allSatisfy({ isNumber($0, 2) }) else { throw fail("not a time of day", at: start) }
        position = end
    }

    /// `word [ "@" word ]` (§20.8)
    fileprivate mutating func callID() throws(SyntaxError) {
        skipWhiteSpace()
        _ = try run(of: .word, "a word")
        if take("@") { _ = try run(of: .word, "a word") }
    }

    /// `media-range [ accept-params ]` (§20.1); `*` is a token.
    fileprivate mutating func mediaRange() throws(SyntaxError) {
        _ = try token("a media type")
        try expectSeparator("/")
        _ = try token("a media subtype")
        _ = try parameters()
    }

    fileprivate mutating func takeAfterWhiteSpace(_ character: Unicode.Scalar) -> Bool {
        skipWhiteSpace()
        return take(character)
    }

    /// How deep comments may nest.
    private static let maximumCommentDepth = 16

    fileprivate mutating func comment(depth: Int) throws(SyntaxError) {
        let start = position
        guard depth < Self.maximumCommentDepth, take("(") else { throw fail("comments nest too deep") }
        while let octet = current {
            switch octet {
            case UInt8(ascii: ")"):
                position += 1
                return
            case UInt8(ascii: "("): try comment(depth: depth + 1)
            case UInt8(ascii: "\\"): position = min(position + 2, end)
            default: position += 1
            }
        }
        throw fail("a comment does not end", at: start)
    }

    /// `auth-scheme LWS auth-param *( COMMA auth-param )`; a scheme other than Digest may hold anything.
    fileprivate mutating func authentication() throws(SyntaxError) {
        let scheme = try token("an authentication scheme")
        guard skipWhiteSpace(), !isAtEnd else { throw fail("expected authentication parameters") }
        guard scheme.equalsIgnoringCase("Digest") else { return }
        _ = try authenticationParameters()
    }

    /// `1*DIGIT [ "." *DIGIT ]`
    fileprivate mutating func decimal() throws(SyntaxError) {
        _ = try number("the value", upTo: .max)
        if take(".") { while let octet = current, CharacterSet.isDigit(octet) { position += 1 } }
    }

    /// `warn-code SP warn-agent SP warn-text` (§20.43)
    fileprivate mutating func warning() throws(SyntaxError) {
        skipWhiteSpace()
        let start = position
        _ = try number("the warning code", upTo: 999)
        guard position - start == 3 else { throw fail("the warning code is not three digits", at: start) }
        guard skipWhiteSpace() else { throw fail("expected white space") }
        // `hostport / pseudonym`
        while let octet = current, !CharacterSet.isWhiteSpace(octet), octet != UInt8(ascii: "\"") { position += 1 }
        _ = try quotedString()
    }
}
