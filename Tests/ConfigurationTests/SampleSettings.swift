import Configuration
import WireSyntax

/// A schema with a key of every kind, as a network function would declare it.
struct SampleSettings {
    enum Level: String, CaseIterable, Sendable { case low, high }

    struct User: Sendable {
        static let name = Key(required: "name", .string, help: "Private identity")
        static let password = Key(required: "password", .secret, help: "Digest password")
        static let tags = Key("tags", .list(of: .string), default: [], help: "Tags")
        static let schema = Schema("user", [name, password, tags])

        var name: String
        var password: Secret
        var tags: [String]

        @Sendable init(_ configuration: Configuration) throws(ConfigurationError) {
            name = configuration[Self.name]
            password = configuration[Self.password]
            tags = configuration[Self.tags]
        }
    }

    static let realm = Key("realm", .string, default: "ims.lab", help: "Home domain")
    static let port = Key("gm.port", .int(in: 0...65535), default: 0, help: "Port")
    static let unprotected = Key("gm.allowUnprotected", .bool, default: false, help: "Indicate over plain Gm")
    static let listen = Key(
        "mw.listen", .endpoint, default: Endpoint(.v4(0x7F00_0001), 0), help: "Where Mw is served")
    static let gateway = OptionalKey("iq.gateway", .transportEndpoint, help: "The gateway")
    static let wait = Key("wait", .duration(.zero ... .seconds(60)), default: .seconds(5), help: "Patience")
    static let size = Key("size", .size(in: 1...(1 << 30)), default: 10 << 20, help: "Room")
    static let level = Key("level", .enumeration, default: Level.low, help: "How much")
    static let hosts = Key("hosts", .list(of: .address), default: [], help: "Peers")
    static let ports = Key("ports", .portRange, default: 0...0, help: "Media ports")
    static let users = Key("users", .records(User.schema, User.init), default: [], help: "Subscribers")
    static let secret = OptionalKey("secret", .secret, help: "A secret")
    static let file = OptionalKey("tls.certificate", .path, help: "PEM file")
    static let schema = Schema(
        "sample",
        [realm, port, unprotected, listen, gateway, wait, size, level, hosts, ports, users, secret, file])
}
