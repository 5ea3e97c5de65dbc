import NIOCore
import SDP
import WireSyntax

extension MessageTree {
    /// RFC 8866, with the meaning of each MSRP line below it.
    mutating func addSessionDescription(_ octets: ByteBuffer) throws {
        let session = try SessionDescription(octets: octets)
        try group("SDP") { tree in
            let origin = session.origin
            tree.add(
                "origin",
                "\(origin.username) session \(origin.sessionID) version \(origin.sessionVersion) \(origin.networkType) "
                    + "\(origin.addressType) \(origin.address)")
            tree.add("name", session.name.string)
            if let information = session.information { tree.add("information", information.string) }
            if let uri = session.uri { tree.add("uri", uri.string) }
            for email in session.emails { tree.add("email", email.string) }
            for phone in session.phones { tree.add("phone", phone.string) }
            if let connection = session.connection { tree.add(connection) }
            for bandwidth in session.bandwidths { tree.add("bandwidth", "\(bandwidth.type) \(bandwidth.value)") }
            for time in session.times { tree.add("time", "\(time.start) \(time.stop)") }
            for attribute in session.attributes { tree.add(attribute) }
            for (index, media) in session.media.enumerated() { try tree.add(media, index, in: session) }
        }
    }

    private mutating func add(_ connection: ConnectionData) {
        add("connection", "\(connection.networkType) \(connection.addressType) \(connection.address)")
    }

    private mutating func add(_ attribute: Attribute) {
        guard let value = attribute.value else { return line("attribute \(attribute.name)") }
        add("attribute \(attribute.name)", value)
    }

    private mutating func add(_ media: MediaDescription, _ index: Int, in session: SessionDescription) throws {
        let formats = media.formats.joined(separator: " ")
        try group("media \(index): \(media.media) port \(media.port) \(media.proto) \(formats)") { tree in
            if media.isRejected { tree.line("rejected") }
            if let information = media.information { tree.add("information", information.string) }
            for connection in media.connections { tree.add(connection) }
            for bandwidth in media.bandwidths { tree.add("bandwidth", "\(bandwidth.type) \(bandwidth.value)") }
            for attribute in media.attributes { tree.add(attribute) }
            if let view = session.messageMedia(at: index) { try tree.add(view) }
        }
    }

    /// What the lines mean together, session level included; a fingerprint that is none makes the message malformed.
    private mutating func add(_ view: MSRPMedia) throws {
        for value in view.media.attributes.values(Fingerprint.attributeName) { _ = try Fingerprint(parsing: value) }
        group("means") { tree in
            tree.add("transport", view.isTLS ? "MSRP over TLS" : "MSRP over TCP")
            if let address = view.address { tree.add("address", address.description) }
            if let setup = view.setup { tree.add("setup", setup.rawValue) }
            for fingerprint in view.fingerprints { tree.add("fingerprint", fingerprint.description) }
            if let mode = view.threeGE2AE { tree.add("3ge2ae", "\(mode)") }
            tree.add("CEMA", view.hasCEMA ? "yes" : "no")
            tree.add("direction", view.direction.rawValue)
        }
    }
}
