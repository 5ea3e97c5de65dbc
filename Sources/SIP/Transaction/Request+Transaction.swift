import NIOCore

extension Request {
    /// RFC 3261 §17.1.1.3: the ACK to a response of 300 to 699, which belongs to the INVITE transaction: same Request-URI, Call-ID, From, top Via,
    /// Route and CSeq number, the To of the response.
    func acknowledgement(of response: Response) -> Request {
        var ack = hopByHop(.ack)
        if let to = response.headers[.to] { ack.headers.set(.to, to: to) }
        return ack
    }

    /// RFC 3261 §9.1: the CANCEL of this request, with its branch, hop by hop.
    func cancellation(adding extra: Headers) -> Request {
        var cancel = hopByHop(.cancel)
        for field in extra.fields { cancel.headers.append(field) }
        return cancel
    }

    private func hopByHop(_ method: Method) -> Request {
        var headers = Headers()
        if let via = self.headers.list(.via).first { headers.append(.via, via) }
        headers.append(.maxForwards, "70")
        for name in [HeaderName.from, .to, .callID] {
            if let value = self.headers[name] { headers.append(name, value) }
        }
        let number = (try? self.headers.cSeq())?.number ?? 0
        headers.append(.cSeq, "\(number) \(method.rawValue)")
        for route in self.headers.values(.route) { headers.append(.route, route) }
        return Request(method: method, uri: uri, headers: headers, body: ByteBuffer())
    }
}
