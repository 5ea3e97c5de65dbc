/// What a description says of its author's person (RFC 3323 §4, RFC 4975 §14.4).
extension SessionDescription {
    /// Takes out names: user part of every `a=path`, user name of `o=`, `s=`, `i=`, `u=`, `e=`, `p=`.
    ///
    /// MSRP URIs compare without their user part (RFC 4975 §6.1), so that messages still find their session.
    public mutating func removeIdentity() {
        origin.username = "-"
        name = "-"
        information = nil
        uri = nil
        emails = []
        phones = []
        for index in media.indices {
            media[index].information = nil
            guard var line = messageMedia(at: index), !line.paths.isEmpty else { continue }
            let paths = line.paths.map(SessionDescription.withoutUser)
            // An untouched path keeps its octets.
            guard paths != line.paths else { continue }
            line.paths = paths
            media[index] = line.media
        }
    }

    /// `msrp://alice@host:9/x;tcp` → `msrp://host:9/x;tcp`
    static func withoutUser(_ uri: String) -> String {
        let octets = Array(uri.utf8)
        guard let colon = octets.firstIndex(of: UInt8(ascii: ":")), octets[(colon + 1)...].starts(with: "//".utf8)
        else {
            return uri
        }
        let start = colon + 3
        let end = octets[start...].firstIndex { "/;?".utf8.contains($0) } ?? octets.endIndex
        guard let at = octets[start..<end].lastIndex(of: UInt8(ascii: "@")) else { return uri }
        return String(decoding: octets[..<start] + octets[(at + 1)...], as: UTF8.self)
    }
}
