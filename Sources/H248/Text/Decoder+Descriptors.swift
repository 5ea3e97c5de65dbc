import NIOCore
import WireSyntax

extension Cursor {
    /// The descriptors of a command up to the closing brace, which is consumed. An unknown one is refused with 444, one that does not belong into the
    /// command with 447, one that stands twice with 448.
    mutating func descriptors(of kind: CommandKind, inReply: Bool) throws(DecodingFailure) -> [Descriptor] {
        var result: [Descriptor] = []
        var seen = TokenSet()
        let outer = field
        // `Subtract = x { }` is not in B.2; an empty pair of braces has no harm in it where descriptors are optional.
        if try take(UInt8(ascii: "}")) {
            guard kind == .add || kind == .modify || kind == .move || kind == .subtract || inReply else {
                throw failure("\(kind.token.name) has no descriptor", .commandSyntax)
            }
            return []
        }
        repeat {
            let start = position
            let part = nameWord()
            guard !part.isEmpty else { throw failure("a descriptor is missing, found \(found)", .commandSyntax) }
            guard let token = Token(part), isDescriptor(token) else {
                throw failure("unknown descriptor \(text(part.prefix(32)))", .unknownDescriptor, at: start)
            }
            guard isLegal(token, in: kind, inReply: inReply) else {
                throw failure("\(token.name) does not belong into \(kind.token.name)", .illegalDescriptor, at: start)
            }
            guard seen.insert(token) else {
                throw failure("\(token.name) stands twice", .descriptorTwice, at: start)
            }
            field = token.name
            do {
                result.append(try descriptor(token, inReply: inReply))
            } catch {
                var failure = error
                if failure.code == .badRequest { failure.code = .commandSyntax }
                throw failure
            }
            field = outer
        } while try another(result.count, of: limits.descriptors, "descriptors")
        return result
    }

    private func isDescriptor(_ token: Token) -> Bool {
        switch token {
        case .media, .modem, .mux, .events, .signals, .digitMap, .eventBuffer, .audit, .observedEvents, .statistics,
            .packages, .error, .services:
            true
        default: false
        }
    }

    private func isLegal(_ token: Token, in kind: CommandKind, inReply: Bool) -> Bool {
        switch (kind, inReply) {
        case (.add, false), (.modify, false), (.move, false):
            switch token {
            case .media, .modem, .mux, .events, .signals, .digitMap, .eventBuffer, .audit: true
            default: false
            }
        case (.subtract, false), (.auditValue, false), (.auditCapabilities, false): token == .audit
        case (.notify, false): token == .observedEvents || token == .error
        case (.notify, true): token == .error
        case (.serviceChange, false): token == .services
        case (.serviceChange, true): token == .services || token == .error
        default: token != .audit && token != .services
        }
    }

    private mutating func descriptor(_ token: Token, inReply: Bool) throws(DecodingFailure) -> Descriptor {
        try skipSpace()
        switch token {
        case .media where next == UInt8(ascii: "{"): return .media(try media())
        case .events: return .events(try events())
        case .signals where next == UInt8(ascii: "{"): return .signals(try signals())
        case .observedEvents where next == UInt8(ascii: "="): return .observedEvents(try observedEvents())
        case .audit: return .audit(try audit())
        case .services: return .serviceChange(try serviceChange())
        case .packages where next == UInt8(ascii: "{"): return .packages(try packages())
        case .statistics where next == UInt8(ascii: "{"): return .statistics(try statistics())
        case .error: return .error(try errorDescriptor())
        case .modem, .mux, .digitMap, .eventBuffer:
            guard next == UInt8(ascii: "{") || next == UInt8(ascii: "=") || next == UInt8(ascii: "[") else {
                guard inReply || token == .eventBuffer else { break }
                return token == .eventBuffer && !inReply
                    ? .uninterpreted(UninterpretedDescriptor(token: token, octets: ByteBuffer())) : .item(token)
            }
            return .uninterpreted(try uninterpreted(token))
        default:
            if inReply { return .item(token) }
        }
        throw failure("expected '{', found \(found)")
    }

    /// `= name`, `{…}`, both or neither, kept as received up to the next comma or brace of this level.
    mutating func uninterpreted(_ token: Token) throws(DecodingFailure) -> UninterpretedDescriptor {
        try skipSpace()
        let start = position
        var end = position
        while !isAtEnd, next != UInt8(ascii: ","), next != UInt8(ascii: "}") {
            if next == UInt8(ascii: "{") {
                try skipBalanced(token.name)
            } else {
                position += 1
            }
            end = position
            try skipSpace()
        }
        return UninterpretedDescriptor(token: token, octets: slice(from: start, to: end))
    }

    // MARK: Media

    private mutating func media() throws(DecodingFailure) -> MediaDescriptor {
        try open()
        var media = MediaDescriptor()
        var bare: StreamDescriptor?
        var count = 0
        repeat {
            count += 1
            let start = position
            switch token() {
            case .stream:
                try equal()
                let id = try uint16("the stream id")
                try open()
                guard !media.streams.contains(where: { $0.id == id }) else {
                    throw failure("stream \(id) stands twice", .descriptorTwice, at: start)
                }
                guard media.streams.count < limits.streams else {
                    throw failure("more than \(limits.streams) streams", .insufficientResources)
                }
                var stream = StreamDescriptor(id: id)
                var parts = 0
                repeat {
                    parts += 1
                    let place = position
                    guard let token = token() else {
                        throw failure("unknown part of Stream", .unknownDescriptor, at: place)
                    }
                    try streamParameter(token, into: &stream, at: place)
                } while try another(parts, of: 3, "parts of a stream")
                media.streams.append(stream)
            case .terminationState:
                guard media.terminationState == nil else {
                    throw failure("TerminationState stands twice", .descriptorTwice, at: start)
                }
                media.terminationState = try terminationState()
            case .some(let token):
                var stream = bare ?? StreamDescriptor(id: nil)
                try streamParameter(token, into: &stream, at: start)
                bare = stream
            case nil: throw failure("unknown part of Media", .unknownDescriptor, at: start)
            }
        } while try another(count, of: limits.streams + 4, "parts of Media")
        if let bare {
            guard media.streams.isEmpty else { throw failure("Stream and bare stream parameters are mixed") }
            media.streams = [bare]
        }
        return media
    }

    private mutating func streamParameter(_ token: Token, into stream: inout StreamDescriptor, at place: Int)
        throws(DecodingFailure)
    {
        let isTwice =
            switch token {
            case .local: stream.local != nil
            case .remote: stream.remote != nil
            case .localControl: stream.localControl != nil
            default: false
            }
        guard !isTwice else { throw failure("\(token.name) stands twice", .descriptorTwice, at: place) }
        let outer = field
        field = token.name
        switch token {
        case .local:
            try openOctets()
            stream.local = try octetString("Local")
        case .remote:
            try openOctets()
            stream.remote = try octetString("Remote")
        case .localControl: stream.localControl = try localControl()
        default: throw failure("\(token.name) does not belong into Media", .unknownDescriptor, at: place)
        }
        field = outer
    }

    /// LWSP "{", without looking at what follows: SDP has no comments.
    private mutating func openOctets() throws(DecodingFailure) {
        try skipSpace()
        guard next == UInt8(ascii: "{") else { throw failure("expected '{', found \(found)") }
        position += 1
    }

    private mutating func localControl() throws(DecodingFailure) -> LocalControlDescriptor {
        try open()
        var control = LocalControlDescriptor()
        var count = 0
        repeat {
            count += 1
            let start = position
            let part = nameWord()
            if next != UInt8(ascii: "/"), let token = Token(part) {
                switch token {
                case .mode:
                    guard control.mode == nil else { throw failure("Mode stands twice", .propertyTwice, at: start) }
                    control.mode = try mode()
                    continue
                case .reservedValue:
                    guard control.reserveValue == nil else {
                        throw failure("ReservedValue stands twice", .propertyTwice, at: start)
                    }
                    control.reserveValue = try onOff()
                    continue
                case .reservedGroup:
                    guard control.reserveGroup == nil else {
                        throw failure("ReservedGroup stands twice", .propertyTwice, at: start)
                    }
                    control.reserveGroup = try onOff()
                    continue
                default: throw failure("\(token.name) does not belong here", .unknownProperty, at: start)
                }
            }
            position = start
            try property(into: &control.properties)
        } while try another(count, of: limits.listItems, "properties")
        return control
    }

    private mutating func property(into properties: inout [Property]) throws(DecodingFailure) {
        let start = position
        let name = try itemName("a property")
        guard !properties.contains(where: { $0.name == name }) else {
            throw failure("\(name) stands twice", .propertyTwice, at: start)
        }
        properties.append(Property(name, try parameterValue(name.description)))
    }

    private mutating func mode() throws(DecodingFailure) -> StreamMode {
        try equal()
        let start = position
        switch token() {
        case .sendOnly: return .sendOnly
        case .receiveOnly: return .receiveOnly
        case .sendReceive: return .sendReceive
        case .inactive: return .inactive
        case .loopback: return .loopback
        default: throw failure("unknown Mode", .unsupportedMode, at: start)
        }
    }

    private mutating func onOff() throws(DecodingFailure) -> Bool {
        try equal()
        let start = position
        guard let value = try value("ON or OFF").boolean else { throw failure("neither ON nor OFF", at: start) }
        return value
    }

    private mutating func terminationState() throws(DecodingFailure) -> TerminationStateDescriptor {
        let outer = field
        field = "TerminationState"
        defer { field = outer }
        try open()
        var state = TerminationStateDescriptor()
        var count = 0
        repeat {
            count += 1
            let start = position
            let part = nameWord()
            if next != UInt8(ascii: "/"), let token = Token(part) {
                try equal()
                let place = position
                switch (token, self.token()) {
                case (.serviceStates, .test): state.serviceState = .test
                case (.serviceStates, .outOfService): state.serviceState = .outOfService
                case (.serviceStates, .inService): state.serviceState = .inService
                case (.buffer, .lockStep): state.eventBuffer = .lockStep
                case (.buffer, nil) where try value("Buffer") == .off: state.eventBuffer = .off
                case (.serviceStates, _), (.buffer, _): throw failure("unknown value of \(token.name)", at: place)
                default: throw failure("\(token.name) does not belong here", .unknownProperty, at: start)
                }
                continue
            }
            position = start
            try property(into: &state.properties)
        } while try another(count, of: limits.listItems, "properties")
        return state
    }

    // MARK: Audit, Packages, Statistics

    private mutating func audit() throws(DecodingFailure) -> AuditDescriptor {
        try open()
        var audit = AuditDescriptor()
        if try take(UInt8(ascii: "}")) { return audit }
        repeat {
            let start = position
            guard let token = token() else { throw failure("unknown item of Audit", .unknownDescriptor, at: start) }
            switch token {
            case .mux, .modem, .media, .signals, .eventBuffer, .digitMap, .statistics, .events, .observedEvents,
                .packages:
                break
            default: throw failure("\(token.name) can't be audited", .unknownDescriptor, at: start)
            }
            try skipSpace()
            var item = AuditDescriptor.Item(token)
            // Version 2: individual items, in braces or after an equals sign.
            if next == UInt8(ascii: "{") || next == UInt8(ascii: "=") {
                item.individual = try uninterpreted(token).octets
            }
            audit.items.append(item)
        } while try another(audit.items.count, of: limits.listItems, "items of Audit")
        return audit
    }

    private mutating func packages() throws(DecodingFailure) -> [PackageItem] {
        try open()
        var items: [PackageItem] = []
        repeat {
            let name = try name("a package")
            guard next == UInt8(ascii: "-") else { throw failure("expected '-' after a package, found \(found)") }
            position += 1
            items.append(PackageItem(name, try uint16("a package version")))
        } while try another(items.count, of: limits.listItems, "packages")
        return items
    }

    private mutating func statistics() throws(DecodingFailure) -> [Statistic] {
        try open()
        var items: [Statistic] = []
        repeat {
            let name = try itemName("a statistic")
            let value = try take(UInt8(ascii: "=")) ? try value(name.description) : nil
            items.append(Statistic(name, value))
        } while try another(items.count, of: limits.listItems, "statistics")
        return items
    }
}
