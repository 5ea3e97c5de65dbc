import Glibc
import NIOCore
import NIOPosix
import WireSyntax

extension MediaEnvironment {
    /// Addresses of one name, each once.
    static let maximumAddresses = 16

    /// The system's resolver blocks, for as long as a name server of a peer's choice is silent: threads of its own, so that no file waits for a name.
    static let lookUpPool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()

    /// The addresses of a name in a description (RFC 4975 §6.2, RFC 6714 §4.4), by the system's resolver, off the event loop. Empty where there are none.
    func addresses(of name: String) -> EventLoopFuture<[IPAddress]> {
        Self.lookUpPool.runIfActive(eventLoop: eventLoop) { Self.lookUp(name) }
    }

    private static func lookUp(_ name: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var entry = list
        while let current = entry?.pointee, found.count < maximumAddresses {
            let status = getnameinfo(
                current.ai_addr, current.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            if status == 0 {
                let numeric = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if let address = IPAddress(numeric), !found.contains(address) { found.append(address) }
            }
            entry = current.ai_next
        }
        return found
    }
}
