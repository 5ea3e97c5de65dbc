import SIP
import WireSyntax

/// P-Charging-Vector (RFC 7315 §4.6, §5.6): the identity under which the functions of an IMS charge one registration, call or message.
///
/// The P-CSCF makes it for what a UE begins, and gives the one that it got back in the UE's responses to what the core begins. A UE neither sends nor
/// sees one (`Hygiene`).
enum ChargingVector {
    /// Longest value that is given back.
    static let maximumLength = 1024

    /// For a REGISTER, an initial request of a dialog, or a request that stands alone.
    ///
    /// - Parameters:
    ///   - icid: globally unique together with `host`, and no secret: neither the token of a registration nor of a call.
    ///   - host: the function that made it.
    ///   - network: the originating inter operator identifier.
    static func made(icid: String, at host: IPAddress, originating network: String) -> String {
        "icid-value=\(quoted(icid));icid-generated-at=\(host.bracketed);orig-ioi=\(quoted(network))"
    }

    /// For a UE's response to a request of the core: its vector, with the network that answers.
    ///
    /// - Returns: nil where the request had none.
    static func answering(_ received: String?, terminating network: String) -> String? {
        guard let received, received.utf8.count <= maximumLength else { return nil }
        // A vector has one of each (RFC 7315 §4.6).
        return received.lowercased().contains("term-ioi=") ? received : received + ";term-ioi=\(quoted(network))"
    }
}

extension Request {
    /// RFC 7315 §5.6: dialogs begin, and requests stand alone, without a To tag.
    var isInitial: Bool { method != .ack && method != .cancel && (try? headers.to())?.tag == nil }
}
