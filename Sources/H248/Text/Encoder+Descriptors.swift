import NIOCore

extension MessageEncoder {
    /// `{…}` with the descriptors of a command; nothing where there are none.
    mutating func descriptors(_ descriptors: [Descriptor]) {
        guard !descriptors.isEmpty else { return }
        open()
        list(descriptors) { $0.descriptor($1) }
        close()
    }

    mutating func descriptor(_ descriptor: Descriptor) {
        switch descriptor {
        case .media(let media): write(media)
        case .events(let events): write(events)
        case .observedEvents(let events): write(events)
        case .signals(let signals): write(signals)
        case .audit(let audit):
            token(.audit)
            buffer.writeStaticString("{")
            list(audit.items) { encoder, item in
                encoder.token(item.token)
                if let individual = item.individual { encoder.octets(individual) }
            }
            buffer.writeStaticString("}")
        case .serviceChange(let change): write(change)
        case .packages(let packages):
            token(.packages)
            guard !packages.isEmpty else { return }
            open()
            list(packages) { $0.text($1.description) }
            close()
        case .statistics(let statistics):
            token(.statistics)
            guard !statistics.isEmpty else { return }
            open()
            list(statistics) { encoder, item in
                encoder.text(item.name.description)
                if let value = item.value {
                    encoder.equal()
                    encoder.value(value)
                }
            }
            close()
        case .error(let error): self.error(error)
        case .uninterpreted(let descriptor): write(descriptor)
        case .item(let item): token(item)
        }
    }

    private mutating func write(_ descriptor: UninterpretedDescriptor) {
        token(descriptor.token)
        octets(descriptor.octets)
    }

    // MARK: Media

    private mutating func write(_ media: MediaDescriptor) {
        token(.media)
        open()
        var isFirst = true
        if let state = media.terminationState {
            isFirst = false
            write(state)
        }
        for stream in media.streams {
            if !isFirst { comma() }
            isFirst = false
            if let id = stream.id {
                token(.stream)
                equal()
                number(id)
                open()
            }
            var isFirstPart = true
            if let control = stream.localControl {
                isFirstPart = false
                write(control)
            }
            if let local = stream.local {
                if !isFirstPart { comma() }
                isFirstPart = false
                token(.local)
                sessionDescription(local)
            }
            if let remote = stream.remote {
                if !isFirstPart { comma() }
                token(.remote)
                sessionDescription(remote)
            }
            if stream.id != nil { close() }
        }
        close()
    }

    private mutating func write(_ control: LocalControlDescriptor) {
        token(.localControl)
        open()
        var count = 0
        func separate(_ encoder: inout MessageEncoder) {
            if count > 0 { encoder.comma() }
            count += 1
        }
        if let mode = control.mode {
            separate(&self)
            token(.mode)
            equal()
            let word: Token =
                switch mode {
                case .sendOnly: .sendOnly
                case .receiveOnly: .receiveOnly
                case .sendReceive: .sendReceive
                case .inactive: .inactive
                case .loopback: .loopback
                }
            token(word)
        }
        if let value = control.reserveValue {
            separate(&self)
            token(.reservedValue)
            equal()
            text(value ? "ON" : "OFF")
        }
        if let value = control.reserveGroup {
            separate(&self)
            token(.reservedGroup)
            equal()
            text(value ? "ON" : "OFF")
        }
        for property in control.properties {
            separate(&self)
            write(property)
        }
        close()
    }

    private mutating func write(_ property: Property) {
        text(property.name.description)
        parameterValue(property.value)
    }

    private mutating func write(_ state: TerminationStateDescriptor) {
        token(.terminationState)
        open()
        var count = 0
        func separate(_ encoder: inout MessageEncoder) {
            if count > 0 { encoder.comma() }
            count += 1
        }
        if let service = state.serviceState {
            separate(&self)
            token(.serviceStates)
            equal()
            let word: Token =
                switch service {
                case .test: .test
                case .outOfService: .outOfService
                case .inService: .inService
                }
            token(word)
        }
        if let buffer = state.eventBuffer {
            separate(&self)
            token(.buffer)
            equal()
            if buffer == .off { text("OFF") } else { token(.lockStep) }
        }
        for property in state.properties {
            separate(&self)
            write(property)
        }
        close()
    }

    // MARK: Events and signals

    private mutating func parameters(_ parameters: [Parameter], _ count: inout Int) {
        for parameter in parameters {
            item(&count)
            text(parameter.name.spelling)
            parameterValue(parameter.value)
        }
    }

    /// Opens the braces before the first item, puts a comma before the others.
    private mutating func item(_ count: inout Int) {
        if count == 0 { open() } else { comma() }
        count += 1
    }

    private mutating func stream(_ id: UInt16?, _ count: inout Int) {
        guard let id else { return }
        item(&count)
        token(.stream)
        equal()
        number(id)
    }

    private mutating func write(_ events: EventsDescriptor) {
        token(.events)
        guard let id = events.id, !events.events.isEmpty else { return }
        equal()
        text(id.description)
        open()
        list(events.events) { encoder, event in
            var count = 0
            encoder.text(event.name.description)
            encoder.stream(event.stream, &count)
            if event.keepActive {
                encoder.item(&count)
                encoder.token(.keepActive)
            }
            encoder.parameters(event.parameters, &count)
            for descriptor in event.uninterpreted {
                encoder.item(&count)
                encoder.write(descriptor)
            }
            if count > 0 { encoder.close() }
        }
        close()
    }

    private mutating func write(_ events: ObservedEventsDescriptor) {
        token(.observedEvents)
        equal()
        text(events.id.description)
        open()
        list(events.events) { encoder, event in
            var count = 0
            if let time = event.time { encoder.text("\(time):") }
            encoder.text(event.name.description)
            encoder.stream(event.stream, &count)
            encoder.parameters(event.parameters, &count)
            if count > 0 { encoder.close() }
        }
        close()
    }

    private mutating func write(_ signals: SignalsDescriptor) {
        token(.signals)
        buffer.writeStaticString("{")
        list(signals.items) { encoder, item in
            switch item {
            case .signal(let signal): encoder.write(signal)
            case .list(let id, let signals):
                encoder.token(.signalList)
                encoder.equal()
                encoder.number(id)
                encoder.open()
                encoder.list(signals) { $0.write($1) }
                encoder.close()
            }
        }
        buffer.writeStaticString("}")
    }

    private mutating func write(_ signal: Signal) {
        var count = 0
        text(signal.name.description)
        stream(signal.stream, &count)
        if let kind = signal.kind {
            item(&count)
            token(.signalType)
            equal()
            let word: Token =
                switch kind {
                case .onOff: .onOff
                case .timeOut: .timeOut
                case .brief: .brief
                }
            token(word)
        }
        if let duration = signal.duration {
            item(&count)
            token(.duration)
            equal()
            number(duration)
        }
        if !signal.notifyCompletion.isEmpty {
            item(&count)
            token(.notifyCompletion)
            equal()
            text("{")
            list(signal.notifyCompletion) { $0.token($1) }
            text("}")
        }
        if signal.keepActive {
            item(&count)
            token(.keepActive)
        }
        parameters(signal.parameters, &count)
        if count > 0 { close() }
    }

    // MARK: ServiceChange

    private mutating func write(_ change: ServiceChangeDescriptor) {
        token(.services)
        var count = 0
        if let method = change.method {
            item(&count)
            token(.method)
            equal()
            switch method {
            case .graceful: token(.graceful)
            case .forced: token(.forced)
            case .restart: token(.restart)
            case .disconnected: token(.disconnected)
            case .handoff: token(.handoff)
            case .failover: token(.failover)
            case .other(let name): text(name)
            }
        }
        if let address = change.address {
            item(&count)
            token(.serviceChangeAddress)
            equal()
            switch address {
            case .port(let port): number(port)
            case .mid(let mid): text(mid.description)
            }
        }
        if let controller = change.controllerToTry {
            item(&count)
            token(.controllerToTry)
            equal()
            text(controller.description)
        }
        if let profile = change.profile {
            item(&count)
            token(.profile)
            equal()
            text(profile.description)
        }
        if let reason = change.reason {
            item(&count)
            token(.reason)
            equal()
            quoted(reason)
        }
        if let delay = change.delay {
            item(&count)
            token(.delay)
            equal()
            number(delay)
        }
        if let version = change.version {
            item(&count)
            token(.version)
            equal()
            number(version)
        }
        if let time = change.time {
            item(&count)
            text(time.description)
        }
        for parameter in change.extensions {
            item(&count)
            text(parameter.name)
            parameterValue(parameter.value)
        }
        if count > 0 { close() } else { text("{}") }
    }
}
