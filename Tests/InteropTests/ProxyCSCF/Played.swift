import NIOCore
import SIP
import WireSyntax

/// Messages of UEs and home networks that tests play.
enum Played {
    static func request(
        _ method: Method, _ uri: String, cSeq: Int, from: String, to: String, callID: String, contact: String? = nil,
        routes: [String] = [], body: String = "", headers: [(HeaderName, String)] = []
    ) throws -> Request {
        var fields = Headers()
        fields.append(.maxForwards, "70")
        for route in routes { fields.append(.route, route) }
        fields.append(.from, from)
        fields.append(.to, to)
        fields.append(.callID, callID)
        fields.append(.cSeq, "\(cSeq) \(method)")
        if let contact { fields.append(.contact, contact) }
        for (name, value) in headers { fields.append(name, value) }
        if !body.isEmpty { fields.append(.contentType, "application/sdp") }
        return Request(method: method, uri: try URI(uri), headers: fields, body: ByteBuffer(string: body))
    }

    static func accept(_ status: Int, _ request: Request, tag: String, contact: String, body: String) -> Response {
        var response = Response.make(status, nil, to: request, toTag: tag)
        response.headers.remove(.recordRoute)
        for route in request.headers.values(.recordRoute) { response.headers.append(.recordRoute, route) }
        response.headers.append(.contact, contact)
        if !body.isEmpty {
            response.headers.append(.contentType, "application/sdp")
            response.body = ByteBuffer(string: body)
        }
        return response
    }

    static let fingerprint = "SHA-256 " + Array(repeating: "A1", count: 32).joined(separator: ":")

    static func sdp(_ media: [String], _ address: String) -> String {
        (["v=0", "o=- 7 1 IN IP4 \(address)", "s=-", "c=IN IP4 \(address)", "t=0 0"] + media).map { $0 + "\r\n" }
            .joined()
    }

    static func plain(_ setup: String, _ address: String) -> String {
        sdp(
            [
                "m=message 7000 TCP/MSRP *", "a=accept-types:text/plain", "a=path:msrp://\(address):7000/ue;tcp",
                "a=setup:\(setup)",
            ], address)
    }

    static func secure(_ setup: String, requested: Bool, _ address: String) -> String {
        sdp(
            [
                "m=message 7000 TCP/TLS/MSRP *", "a=accept-types:text/plain", "a=path:msrps://\(address):7000/ue;tcp",
                "a=setup:\(setup)", "a=fingerprint:\(fingerprint)",
            ] + (requested ? ["a=3ge2ae:requested"] : []), address)
    }
}
