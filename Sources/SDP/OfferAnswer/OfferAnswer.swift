import WireSyntax

/// The rules of the offer/answer model that look at two descriptions at once (RFC 3264).
extension SessionDescription {
    /// RFC 3264 §6: as many lines as the offer, in its order, each of the offered media type; a line that the offer had at port 0 stays there.
    ///
    /// The transport is not compared: what a line may turn into is decided by its owner.
    public func checkAnswers(_ offer: SessionDescription) throws(SyntaxError) {
        guard media.count == offer.media.count else {
            throw SyntaxError("the answer has \(media.count) media lines, the offer \(offer.media.count)", field: "m=")
        }
        for (index, (answer, offered)) in zip(media, offer.media).enumerated() {
            guard answer.media.lowercased() == offered.media.lowercased() else {
                throw SyntaxError("media line \(index + 1) is not of the type that was offered", field: "m=")
            }
            guard answer.isRejected || !offered.isRejected else {
                throw SyntaxError("media line \(index + 1) was offered with port 0", field: "m=")
            }
        }
    }

    /// RFC 3264 §8: a later offer keeps each line in its place; new ones come after them.
    public func checkFollows(_ previous: SessionDescription) throws(SyntaxError) {
        guard media.count >= previous.media.count else {
            throw SyntaxError(
                "the offer has \(media.count) media lines, the session \(previous.media.count)", field: "m=")
        }
        for (index, (now, before)) in zip(media, previous.media).enumerated() {
            guard now.isRejected || before.isRejected || now.media.lowercased() == before.media.lowercased() else {
                throw SyntaxError("media line \(index + 1) changed its type", field: "m=")
            }
        }
    }
}

extension MediaDescription {
    /// Whether the transport has TLS or DTLS in it, whatever stands around.
    public var isSecure: Bool {
        proto.uppercased().split(separator: "/").contains { $0 == "TLS" || $0 == "DTLS" }
    }

    /// Refuses or ends the stream: port 0, formats kept, since one must stand there (RFC 3264 §6, §8.2).
    public mutating func reject() {
        port = 0
        portCount = nil
    }

    /// The line that refuses this offered one: `m=` with port 0, `c=` because one must hold, and no attribute.
    public var rejection: MediaDescription {
        MediaDescription(media: media, port: 0, proto: proto, formats: formats, connection: connection)
    }
}
