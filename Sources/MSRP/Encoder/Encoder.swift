import NIOCore

extension RequestHead {
    /// Writes the head, and the empty line where a body follows.
    /// - Parameters:
    ///   - toPath: replaces To-Path, as a gateway does; the other header lines go out octet for octet.
    ///   - fromPath: replaces From-Path.
    public func write(into buffer: inout ByteBuffer, toPath: ByteBuffer? = nil, fromPath: ByteBuffer? = nil) {
        let to = toPath ?? self.toPath
        let from = fromPath ?? self.fromPath
        buffer.reserveCapacity(
            minimumWritableBytes: to.readableBytes + from.readableBytes + fields.readableBytes + 96)
        buffer.writeStaticString("MSRP ")
        transactionID.write(into: &buffer)
        switch method {
        case .send: buffer.writeStaticString(" SEND\r\nTo-Path: ")
        case .report: buffer.writeStaticString(" REPORT\r\nTo-Path: ")
        case .auth: buffer.writeStaticString(" AUTH\r\nTo-Path: ")
        case .nickname: buffer.writeStaticString(" NICKNAME\r\nTo-Path: ")
        case .other(let name):
            buffer.writeString(" \(name)")
            buffer.writeStaticString("\r\nTo-Path: ")
        }
        writePaths(to, from, fields, into: &buffer)
        if hasBody { buffer.writeStaticString("\r\n") }
    }

    /// Writes the line that ends this request, with the CRLF before it that a body needs.
    public func writeEnd(_ flag: ContinuationFlag, into buffer: inout ByteBuffer) {
        writeEndLine(transactionID, flag, afterBody: hasBody, into: &buffer)
    }

    /// Whether this request's end-line stands in `body`: then it needs another transaction id (RFC 4975 §7.1).
    public func endLineOccurs(in body: ByteBuffer) -> Bool {
        transactionID.withOctets { EndLine(transactionID: Array($0)) }.occurs(in: body)
    }
}

extension ResponseHead {
    /// Writes the whole response, end-line included; paths may be replaced as in a request.
    public func write(into buffer: inout ByteBuffer, toPath: ByteBuffer? = nil, fromPath: ByteBuffer? = nil) {
        let to = toPath ?? self.toPath
        let from = fromPath ?? self.fromPath
        buffer.reserveCapacity(
            minimumWritableBytes: to.readableBytes + from.readableBytes + fields.readableBytes + 128)
        buffer.writeStaticString("MSRP ")
        transactionID.write(into: &buffer)
        buffer.writeStaticString(" ")
        for divisor in [100, 10, 1] as [UInt16] { buffer.writeInteger(UInt8(status / divisor % 10) + 0x30) }
        if let comment {
            buffer.writeStaticString(" ")
            buffer.writeImmutableBuffer(comment)
        }
        buffer.writeStaticString("\r\nTo-Path: ")
        writePaths(to, from, fields, into: &buffer)
        writeEndLine(transactionID, .complete, afterBody: false, into: &buffer)
    }
}

private func writePaths(_ to: ByteBuffer, _ from: ByteBuffer, _ fields: ByteBuffer, into buffer: inout ByteBuffer) {
    buffer.writeImmutableBuffer(to)
    buffer.writeStaticString("\r\nFrom-Path: ")
    buffer.writeImmutableBuffer(from)
    buffer.writeStaticString("\r\n")
    buffer.writeImmutableBuffer(fields)
}

private func writeEndLine(
    _ transactionID: Ident, _ flag: ContinuationFlag, afterBody: Bool, into buffer: inout ByteBuffer
) {
    buffer.writeStaticString(afterBody ? "\r\n-------" : "-------")
    transactionID.write(into: &buffer)
    buffer.writeInteger(flag.rawValue)
    buffer.writeStaticString("\r\n")
}
