import NIOCore

extension SessionDescription {
    /// The description on the wire: lines in the order of RFC 8866 §9, each with CRLF.
    public func write(into buffer: inout ByteBuffer) {
        buffer.writeLine("v=0")
        buffer.writeLine(
            "o=", origin.username.octets,
            " \(origin.sessionID) \(origin.sessionVersion) \(origin.networkType) \(origin.addressType) ",
            origin.address.octets)
        buffer.writeLine("s=", name.octets)
        if let information { buffer.writeLine("i=", information.octets) }
        if let uri { buffer.writeLine("u=", uri.octets) }
        for email in emails { buffer.writeLine("e=", email.octets) }
        for phone in phones { buffer.writeLine("p=", phone.octets) }
        if let connection { buffer.writeConnection(connection) }
        for bandwidth in bandwidths { buffer.writeLine("b=\(bandwidth.type):\(bandwidth.value)") }
        for time in times {
            buffer.writeLine("t=\(time.start) \(time.stop)")
            for value in time.repeats { buffer.writeLine("r=\(value)") }
            if let zone = time.zone { buffer.writeLine("z=\(zone)") }
        }
        for attribute in attributes { buffer.writeAttribute(attribute) }
        for description in media { description.write(into: &buffer) }
    }

    /// The description on the wire, in a buffer of its own.
    public var octets: ByteBuffer {
        var buffer = ByteBuffer()
        write(into: &buffer)
        return buffer
    }
}

extension MediaDescription {
    /// `m=` and what stands below it.
    public func write(into buffer: inout ByteBuffer) {
        let ports = portCount.map { "\(port)/\($0)" } ?? "\(port)"
        buffer.writeLine("m=\(media) \(ports) \(proto) \(formats.joined(separator: " "))")
        if let information { buffer.writeLine("i=", information.octets) }
        for connection in connections { buffer.writeConnection(connection) }
        for bandwidth in bandwidths { buffer.writeLine("b=\(bandwidth.type):\(bandwidth.value)") }
        for attribute in attributes { buffer.writeAttribute(attribute) }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeLine(
        _ text: String, _ octets: [UInt8] = [], _ more: String = "", _ rest: [UInt8] = []
    ) {
        writeString(text)
        writeBytes(octets)
        writeString(more)
        writeBytes(rest)
        writeString("\r\n")
    }

    fileprivate mutating func writeConnection(_ connection: ConnectionData) {
        writeLine("c=\(connection.networkType) \(connection.addressType) ", connection.address.octets)
    }

    fileprivate mutating func writeAttribute(_ attribute: Attribute) {
        guard let octets = attribute.octets else { return writeLine("a=\(attribute.name)") }
        writeLine("a=\(attribute.name):", octets.octets)
    }
}
