import NIOCore
import WireSyntax

/// Which spelling of the tokens a sender uses; a receiver takes both, mixed.
public enum TokenForm: String, Hashable, Sendable, CaseIterable {
    /// `Transaction = 1 { Context = - { … } }`
    case long
    /// `T=1{C=-{…}}`
    case short
}

extension Message {
    /// Appends the message in the text encoding of RFC 3525 Annex B.2.
    ///
    /// SDP of Local and Remote gets `}` written as `\}` and always ends with a line end, so that no octet in it can end its descriptor or escape the
    /// brace that does.
    public func write(into buffer: inout ByteBuffer, form: TokenForm = .long) {
        var encoder = MessageEncoder(buffer: buffer, isShort: form == .short)
        // Hand the buffer over: two references would copy it.
        buffer = ByteBuffer()
        encoder.write(self)
        buffer = encoder.buffer
    }

    /// The message in a buffer of its own.
    public func encoded(form: TokenForm = .long) -> ByteBuffer {
        var buffer = ByteBuffer()
        write(into: &buffer, form: form)
        return buffer
    }
}

/// Writes the tree front to back into one buffer.
struct MessageEncoder {
    var buffer: ByteBuffer
    let isShort: Bool

    // MARK: Pieces

    mutating func token(_ token: Token) {
        let spellings = token.spellings
        buffer.writeStaticString(isShort ? spellings.short : spellings.long)
    }
    mutating func text(_ text: String) { buffer.writeString(text) }
    mutating func number(_ value: some FixedWidthInteger & UnsignedInteger) {
        var divisor: UInt64 = 1
        let value = UInt64(value)
        while value / divisor > 9 { divisor *= 10 }
        while divisor > 0 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + value / divisor % 10))
            divisor /= 10
        }
    }
    mutating func equal() { buffer.writeStaticString(isShort ? "=" : " = ") }
    mutating func open() { buffer.writeStaticString(isShort ? "{" : " { ") }
    mutating func close() { buffer.writeStaticString(isShort ? "}" : " }") }
    mutating func comma() { buffer.writeStaticString(isShort ? "," : ", ") }

    /// Items with commas between them.
    mutating func list<Item>(_ items: some Sequence<Item>, _ write: (inout MessageEncoder, Item) -> Void) {
        var isFirst = true
        for item in items {
            if !isFirst { comma() }
            isFirst = false
            write(&self, item)
        }
    }

    /// What no quoted string can hold becomes a space or an apostrophe.
    mutating func quoted(_ text: String) {
        buffer.writeInteger(UInt8(ascii: "\""))
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "\""): buffer.writeInteger(UInt8(ascii: "'"))
            case 0..<0x20, 0x7F: buffer.writeInteger(UInt8(ascii: " "))
            default: buffer.writeInteger(octet)
            }
        }
        buffer.writeInteger(UInt8(ascii: "\""))
    }

    mutating func value(_ value: Value) {
        if value.isQuoted || value.text.isEmpty || !value.text.utf8.allSatisfy(isSafe) {
            quoted(value.text)
        } else {
            text(value.text)
        }
    }

    mutating func parameterValue(_ parameter: ParameterValue) {
        switch parameter {
        case .equal(let one):
            equal()
            value(one)
        case .sublist(let values):
            equal()
            text("[")
            list(values) { $0.value($1) }
            text("]")
        case .alternatives(let values):
            equal()
            text("{")
            list(values) { $0.value($1) }
            text("}")
        case .range(let first, let last):
            equal()
            text("[")
            value(first)
            text(":")
            value(last)
            text("]")
        case .greater(let one): relation(">", one)
        case .less(let one): relation("<", one)
        case .notEqual(let one): relation("#", one)
        }
    }

    private mutating func relation(_ sign: StaticString, _ one: Value) {
        buffer.writeStaticString(sign)
        value(one)
    }

    mutating func octets(_ octets: ByteBuffer) { buffer.writeImmutableBuffer(octets) }

    /// octetString of B.2: see `Message.write`.
    mutating func sessionDescription(_ octets: ByteBuffer) {
        buffer.writeStaticString(isShort ? "{" : " {\r\n")
        octets.withUnsafeReadableBytes { octets in
            var start = 0
            for index in octets.indices where octets[index] == UInt8(ascii: "}") {
                buffer.writeBytes(UnsafeRawBufferPointer(rebasing: octets[start..<index]))
                buffer.writeStaticString("\\}")
                start = index + 1
            }
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: octets[start...]))
            if let last = octets.last, last != 0x0A { buffer.writeStaticString("\r\n") }
        }
        buffer.writeInteger(UInt8(ascii: "}"))
    }

    // MARK: Message

    mutating func write(_ message: Message) {
        if let header = message.authentication {
            token(.authentication)
            equal()
            text("0x\(header.securityParameterIndex):0x\(header.sequenceNumber):0x\(header.data)\n")
        }
        token(.megaco)
        text("/")
        number(message.version)
        text(" ")
        text(message.sender.description)
        text("\n")
        switch message.body {
        case .error(let error): self.error(error)
        case .transactions(let items):
            for (index, item) in items.enumerated() {
                if index > 0 { text("\n") }
                write(item)
            }
        }
    }

    mutating func error(_ error: ErrorDescriptor) {
        token(.error)
        equal()
        number(error.code.rawValue)
        buffer.writeStaticString(isShort ? "{" : " { ")
        if let text = error.text { quoted(text) }
        close()
    }

    private mutating func write(_ item: TransactionItem) {
        switch item {
        case .request(let request):
            token(.transaction)
            equal()
            number(request.id)
            open()
            list(request.actions) { $0.write($1) }
            close()
        case .reply(let reply):
            token(.reply)
            equal()
            number(reply.id)
            open()
            if reply.immAckRequired {
                token(.immAckRequired)
                comma()
            }
            switch reply.body {
            case .error(let error): self.error(error)
            case .actions(let actions): list(actions) { $0.write($1) }
            }
            close()
        case .pending(let id):
            token(.pending)
            equal()
            number(id)
            text("{}")
        case .responseAck(let ranges):
            token(.responseAck)
            open()
            list(ranges) { encoder, range in
                encoder.number(range.lowerBound)
                if range.count > 1 {
                    encoder.text("-")
                    encoder.number(range.upperBound)
                }
            }
            close()
        }
    }

    private mutating func context(_ id: ContextID, _ properties: ContextProperties) -> Bool {
        token(.context)
        equal()
        if id.isSpecific { number(id.rawValue) } else { text(id.description) }
        open()
        var count = 0
        func separate(_ encoder: inout MessageEncoder) {
            if count > 0 { encoder.comma() }
            count += 1
        }
        if let topology = properties.topology {
            separate(&self)
            token(.topology)
            text("{")
            octets(topology)
            text("}")
        }
        if let priority = properties.priority {
            separate(&self)
            token(.priority)
            equal()
            number(priority)
        }
        if properties.isEmergency {
            separate(&self)
            token(.emergency)
        }
        if !properties.audit.isEmpty {
            separate(&self)
            token(.contextAudit)
            open()
            list(properties.audit) { $0.token($1) }
            close()
        }
        return count > 0
    }

    private mutating func write(_ action: ActionRequest) {
        if context(action.context, action.properties), !action.commands.isEmpty { comma() }
        list(action.commands) { encoder, command in
            if command.isOptional { encoder.text("O-") }
            if command.wantsWildcardedResponse { encoder.text("W-") }
            encoder.token(command.kind.token)
            encoder.equal()
            encoder.text(command.termination.spelling)
            encoder.descriptors(command.descriptors)
        }
        close()
    }

    private mutating func write(_ action: ActionReply) {
        var hasItems = context(action.context, action.properties)
        if hasItems, !action.commands.isEmpty { comma() }
        list(action.commands) { encoder, command in
            encoder.token(command.kind.token)
            encoder.equal()
            if let termination = command.termination {
                encoder.text(termination.spelling)
                encoder.descriptors(command.descriptors)
            } else {
                encoder.token(.context)
                encoder.open()
                if command.contextTerminations.isEmpty {
                    encoder.list(command.descriptors) { $0.descriptor($1) }
                } else {
                    encoder.list(command.contextTerminations) { $0.text($1.spelling) }
                }
                encoder.close()
            }
        }
        hasItems = hasItems || !action.commands.isEmpty
        if let error = action.error {
            if hasItems { comma() }
            self.error(error)
        }
        close()
    }
}
