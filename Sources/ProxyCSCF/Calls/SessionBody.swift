import NIOCore
import SDP
import SIP
import WireSyntax

/// The session description of a message, wherever it is (media-security.md 4.4): alone, or inside `multipart/mixed` beside a resource list or a
/// first message. What could hide one and cannot be read is refused, never passed on unread (A11).
enum SessionBody {
    case none
    /// The description, and the part of the body that it is.
    case found(SessionDescription, BodyPart)
    case unreadable(Refusal)

    static func find(in message: Message) -> SessionBody {
        let part: BodyPart?
        do throws(SessionBodyError) {
            part = try message.sessionDescription()
        } catch {
            // RFC 3261 §21.4.13: a 415 says what would have been understood.
            return .unreadable(
                Refusal(
                    error.status, warning: error.reason,
                    headers: error.status == 415
                        ? [.accept: "application/sdp, multipart/mixed", "Accept-Encoding": "identity"] : [:]))
        }
        guard let part else { return .none }
        // RFC 3959: an early session is a second one beside the session.
        guard ["session", "render"].contains(part.disposition) else {
            return .unreadable(Refusal(488, warning: "a session description for \(part.disposition)"))
        }
        do throws(SyntaxError) {
            return .found(try SessionDescription(octets: part.content), part)
        } catch {
            return .unreadable(Refusal(488, warning: "session description, \(error)"))
        }
    }
}

extension Message {
    /// The same message with another description in this part of its body; without any body where that cannot be.
    fileprivate func replacing(_ part: BodyPart, by description: SessionDescription) -> Message {
        var octets = ByteBuffer()
        description.write(into: &octets)
        var copy = self
        do throws(SyntaxError) {
            try copy.replace(part, with: octets)
        } catch {
            copy.body = ByteBuffer()
            copy.headers.removeBodyFields()
        }
        return copy
    }
}

extension Request {
    /// The description in this part of the body replaced by another; as it is without either.
    func replacing(_ part: BodyPart?, by description: SessionDescription?) -> Request {
        guard let part, let description,
            case .request(let request) = Message.request(self).replacing(part, by: description)
        else { return self }
        return request
    }

    /// Without its body and what describes it.
    var withoutBody: Request {
        var copy = self
        copy.body = ByteBuffer()
        copy.headers.removeBodyFields()
        return copy
    }
}

extension Response {
    func replacing(_ part: BodyPart?, by description: SessionDescription?) -> Response {
        guard let part, let description,
            case .response(let response) = Message.response(self).replacing(part, by: description)
        else { return self }
        return response
    }
}

extension Response {
    /// Without its body, where that has a session description in it or could hide one.
    var withoutSession: Response {
        if case .none = SessionBody.find(in: .response(self)) { return self }
        var copy = self
        copy.body = ByteBuffer()
        copy.headers.removeBodyFields()
        return copy
    }
}

extension Headers {
    mutating func removeBodyFields() {
        for name in ["Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language"] as [HeaderName] {
            remove(name)
        }
    }
}
