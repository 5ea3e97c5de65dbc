import NIOCore
import WireSyntax

/// Events, signals and ServiceChange.
extension Cursor {
    private mutating func requestID() throws(DecodingFailure) -> RequestID {
        if next == UInt8(ascii: "*") {
            position += 1
            return .all
        }
        return .number(try uint32("the request id"))
    }

    /// eventsDescriptor, after its token
    mutating func events() throws(DecodingFailure) -> EventsDescriptor {
        guard try take(UInt8(ascii: "=")) else { return EventsDescriptor() }
        var descriptor = EventsDescriptor(id: try requestID())
        try open()
        repeat {
            descriptor.events.append(try requestedEvent())
        } while try another(descriptor.events.count, of: limits.listItems, "events")
        return descriptor
    }

    private mutating func requestedEvent() throws(DecodingFailure) -> RequestedEvent {
        var event = RequestedEvent(try itemName("an event"))
        guard try take(UInt8(ascii: "{")) else { return event }
        var count = 0
        repeat {
            count += 1
            let start = position
            switch token() {
            case .keepActive: event.keepActive = true
            case .stream: event.stream = try streamID()
            case .embed: event.uninterpreted.append(try uninterpreted(.embed))
            case .digitMap: event.uninterpreted.append(try uninterpreted(.digitMap))
            default:
                position = start
                try parameter(into: &event.parameters)
            }
        } while try another(count, of: limits.listItems, "event parameters")
        return event
    }

    private mutating func streamID() throws(DecodingFailure) -> UInt16 {
        try equal()
        return try uint16("the stream id")
    }

    private mutating func parameter(into parameters: inout [Parameter]) throws(DecodingFailure) {
        let start = position
        let name = try name("a parameter")
        guard !parameters.contains(where: { $0.name == name }) else {
            throw failure("\(name) stands twice", .illegalParameter, at: start)
        }
        parameters.append(Parameter(name, try parameterValue(name.spelling)))
    }

    /// observedEventsDescriptor, after its token
    mutating func observedEvents() throws(DecodingFailure) -> ObservedEventsDescriptor {
        try equal()
        var descriptor = ObservedEventsDescriptor(id: try requestID(), events: [])
        try open()
        repeat {
            var time: TimeStamp?
            if isDigit(next) {
                time = try timeStamp()
                try expect(UInt8(ascii: ":"))
            }
            var event = ObservedEvent(try itemName("an event"), time: time)
            if try take(UInt8(ascii: "{")) {
                var count = 0
                repeat {
                    count += 1
                    let start = position
                    if token() == .stream {
                        event.stream = try streamID()
                    } else {
                        position = start
                        try parameter(into: &event.parameters)
                    }
                } while try another(count, of: limits.listItems, "event parameters")
            }
            descriptor.events.append(event)
        } while try another(descriptor.events.count, of: limits.listItems, "events")
        return descriptor
    }

    private mutating func timeStamp() throws(DecodingFailure) -> TimeStamp {
        let start = position
        let date = try number("the date", maximum: 99_999_999)
        guard position == start + 8, folded(next) == UInt8(ascii: "t") else {
            throw failure("a time stamp is not of the form yyyymmddThhmmssss", at: start)
        }
        position += 1
        let time = try number("the time", maximum: 99_999_999)
        guard position == start + 17 else {
            throw failure("a time stamp is not of the form yyyymmddThhmmssss", at: start)
        }
        return TimeStamp(date: UInt32(date), time: UInt32(time))
    }

    // MARK: Signals

    mutating func signals() throws(DecodingFailure) -> SignalsDescriptor {
        try open()
        var descriptor = SignalsDescriptor()
        if try take(UInt8(ascii: "}")) { return descriptor }
        repeat {
            let start = position
            if token() == .signalList, try take(UInt8(ascii: "=")) {
                let id = try uint16("the signal list id")
                try open()
                var signals: [Signal] = []
                repeat {
                    signals.append(try signal())
                } while try another(signals.count, of: limits.listItems, "signals")
                descriptor.items.append(.list(id: id, signals))
            } else {
                position = start
                descriptor.items.append(.signal(try signal()))
            }
        } while try another(descriptor.items.count, of: limits.listItems, "signals")
        return descriptor
    }

    private mutating func signal() throws(DecodingFailure) -> Signal {
        var signal = Signal(try itemName("a signal"))
        guard try take(UInt8(ascii: "{")) else { return signal }
        var count = 0
        repeat {
            count += 1
            let start = position
            switch token() {
            case .stream: signal.stream = try streamID()
            case .keepActive: signal.keepActive = true
            case .duration:
                try equal()
                signal.duration = try uint16("Duration")
            case .signalType:
                try equal()
                let place = position
                switch token() {
                case .onOff: signal.kind = .onOff
                case .timeOut: signal.kind = .timeOut
                case .brief: signal.kind = .brief
                default: throw failure("unknown SignalType", at: place)
                }
            case .notifyCompletion:
                try equal()
                try open()
                repeat {
                    let place = position
                    guard let reason = token(),
                        [.timeOut, .interruptByEvent, .interruptByNewSignals, .otherReason].contains(reason)
                    else { throw failure("unknown reason of NotifyCompletion", at: place) }
                    signal.notifyCompletion.append(reason)
                } while try another(signal.notifyCompletion.count, of: 4, "reasons of NotifyCompletion")
            default:
                position = start
                try parameter(into: &signal.parameters)
            }
        } while try another(count, of: limits.listItems, "signal parameters")
        return signal
    }

    // MARK: ServiceChange

    mutating func serviceChange() throws(DecodingFailure) -> ServiceChangeDescriptor {
        try open()
        var descriptor = ServiceChangeDescriptor()
        var seen = TokenSet()
        var count = 0
        repeat {
            count += 1
            let start = position
            if isDigit(next) {
                guard descriptor.time == nil else { throw failure("the time stamp stands twice", .illegalParameter) }
                descriptor.time = try timeStamp()
                continue
            }
            guard let token = token() else {
                guard let name = extensionName() else {
                    throw failure("unknown parameter of Services", .unknownParameter, at: start)
                }
                descriptor.extensions.append(.init(name: name, value: try parameterValue(name)))
                continue
            }
            guard seen.insert(token) else {
                throw failure("\(token.name) stands twice", .illegalParameter, at: start)
            }
            try equal()
            switch token {
            case .method: descriptor.method = try method()
            case .reason: descriptor.reason = try value("Reason").text
            case .delay: descriptor.delay = try uint32("Delay")
            case .version: descriptor.version = try version()
            case .controllerToTry: descriptor.controllerToTry = try messageIdentifier()
            case .serviceChangeAddress:
                descriptor.address =
                    isDigit(next)
                    ? .port(try uint16("ServiceChangeAddress")) : .mid(try messageIdentifier())
            case .profile:
                let name = try name("Profile")
                guard next == UInt8(ascii: "/") else { throw failure("Profile is not of the form name/version") }
                position += 1
                descriptor.profile = .init(name, try version())
            default: throw failure("\(token.name) does not belong into Services", .unknownParameter, at: start)
            }
        } while try another(count, of: 32, "parameters of Services")
        return descriptor
    }

    private mutating func method() throws(DecodingFailure) -> ServiceChangeDescriptor.Method {
        let start = position
        switch token() {
        case .graceful: return .graceful
        case .forced: return .forced
        case .restart: return .restart
        case .disconnected: return .disconnected
        case .handoff: return .handoff
        case .failover: return .failover
        default:
            position = start
            guard let name = extensionName() else { throw failure("unknown Method", .unsupportedValue, at: start) }
            return .other(name)
        }
    }

    /// extensionParameter: `X-` or `X+` and up to six letters and digits
    private mutating func extensionName() -> String? {
        let start = position
        guard folded(next) == UInt8(ascii: "x"), [UInt8(ascii: "-"), UInt8(ascii: "+")].contains(octet(after: 1)) else {
            return nil
        }
        position += 2
        while isLetter(next) || isDigit(next), position - start <= 8 { position += 1 }
        guard (3...8).contains(position - start) else {
            position = start
            return nil
        }
        return text(octets[start..<position])
    }
}
