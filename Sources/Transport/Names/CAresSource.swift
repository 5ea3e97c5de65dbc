import CAres
import Glibc
import NIOCore
import SIP
import Synchronization
import WireSyntax

/// c-ares on a thread of its own, which lives from the first question to `stop`.
///
/// ```
///   ask ──▶ jobs ──▶ pipe wakes ──▶ thread: ares_query, poll(sockets of c-ares, pipe), ares_process_fd ──▶ completion
/// ```
///
/// c-ares chooses ids and ports at random, repeats, asks the next server, and turns to TCP for a truncated answer. One channel; only the thread touches it.
package final class CAresSource: NameSource {
    package enum Failure: Error, Hashable, CustomStringConvertible {
        /// c-ares or the system refused, in its words.
        case unavailable(String)

        package var description: String {
            switch self {
            case .unavailable(let reason): "DNS is not available: \(reason)"
            }
        }
    }

    private let core: Core

    /// - Parameter servers: where to ask; empty: the servers of the system (resolv.conf).
    package init(servers: [Endpoint] = [], limits: NameLimits = NameLimits()) throws(Failure) {
        core = try Core(servers: servers, limits: limits)
    }

    deinit { core.stop() }

    package func ask(_ question: DNSQuestion, _ completion: @escaping @Sendable (NameReply) -> Void) {
        core.ask(question, completion)
    }

    package func stop() { core.stop() }
}

/// What the thread and the source share. The thread holds it until it ends; the pipe is closed with the last of the two.
private final class Core: Sendable {
    struct Job: Sendable {
        let question: DNSQuestion
        let completion: @Sendable (NameReply) -> Void
    }

    struct State {
        var jobs: [Job] = []
        var isRunning = false
        var isStopped = false
    }

    private let state = Mutex(State())
    private let wakeRead: Int32
    private let wakeWrite: Int32
    private let servers: String
    private let limits: NameLimits

    init(servers: [Endpoint], limits: NameLimits) throws(CAresSource.Failure) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw .unavailable(String(cString: strerror(errno))) }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (wakeRead, wakeWrite) = (ends[0], ends[1])
        self.limits = limits
        self.servers = servers.prefix(limits.servers).map { "\($0)" }.joined(separator: ",")
    }

    deinit {
        close(wakeRead)
        close(wakeWrite)
    }

    func ask(_ question: DNSQuestion, _ completion: @escaping @Sendable (NameReply) -> Void) {
        let (isAccepted, isFirst) = state.withLock { state in
            guard !state.isStopped else { return (false, false) }
            state.jobs.append(Job(question: question, completion: completion))
            defer { state.isRunning = true }
            return (true, !state.isRunning)
        }
        guard isAccepted else { return completion(.failed) }
        if isFirst, !startThread() {
            stop()
            fail(state.withLock { $0.takeJobs() })
            return
        }
        wake()
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wake()
    }

    private func wake() {
        var octet: UInt8 = 0
        // A full pipe wakes as well.
        _ = write(wakeWrite, &octet, 1)
    }

    private func fail(_ jobs: [Job]) { for job in jobs { job.completion(.failed) } }

    // MARK: The thread

    private func startThread() -> Bool {
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let core = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Core>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, core.toOpaque())
        if status != 0 { core.release() }
        return status == 0
    }

    private func run() {
        guard let channel = makeChannel() else {
            state.withLock { $0.isStopped = true }
            return fail(state.withLock { $0.takeJobs() })
        }
        while true {
            let (jobs, isStopped) = state.withLock { ($0.takeJobs(), $0.isStopped) }
            guard !isStopped else {
                fail(jobs)
                break
            }
            for job in jobs { start(job, on: channel) }
            wait(on: channel)
        }
        // Answers what runs: ARES_EDESTRUCTION.
        ares_destroy(channel)
    }

    private func makeChannel() -> ares_channel? {
        guard ares_library_init(ARES_LIB_INIT_ALL) == 0 else { return nil }
        var options = ares_options()
        options.flags = ARES_FLAG_NOSEARCH
        options.timeout = Int32(truncatingIfNeeded: limits.queryTime.nanoseconds / 1_000_000)
        options.tries = limits.tries
        var channel: ares_channel?
        let mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES
        guard ares_init_options(&channel, &options, mask) == 0, let channel else { return nil }
        guard servers.isEmpty || ares_set_servers_ports_csv(channel, servers) == 0 else {
            ares_destroy(channel)
            return nil
        }
        return channel
    }

    /// Until a socket of c-ares is ready, one of its times is out, or somebody asks.
    private func wait(on channel: ares_channel) {
        var sockets = [ares_socket_t](repeating: -1, count: Int(ARES_GETSOCK_MAXNUM))
        let bits = UInt32(bitPattern: ares_getsock(channel, &sockets, Int32(sockets.count)))
        var watched = [pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0)]
        for (index, socket) in sockets.enumerated() {
            // The macros ARES_GETSOCK_READABLE and ARES_GETSOCK_WRITABLE.
            let reads = bits >> UInt32(index) & 1 == 1
            let writes = bits >> UInt32(index + Int(ARES_GETSOCK_MAXNUM)) & 1 == 1
            guard reads || writes else { continue }
            let events = (reads ? Int16(POLLIN) : 0) | (writes ? Int16(POLLOUT) : 0)
            watched.append(pollfd(fd: socket, events: events, revents: 0))
        }
        var time = timeval()
        let hasTime = ares_timeout(channel, nil, &time) != nil
        let milliseconds = hasTime ? Int32(clamping: time.tv_sec * 1000 + (time.tv_usec + 999) / 1000) : -1
        let ready = poll(&watched, nfds_t(watched.count), milliseconds)
        if ready > 0, watched[0].revents != 0 {
            var octets = [UInt8](repeating: 0, count: 256)
            while read(wakeRead, &octets, octets.count) == octets.count {}
        }
        var hasProcessed = false
        for one in watched.dropFirst() where ready > 0 && one.revents != 0 {
            let failed = one.revents & Int16(POLLERR | POLLHUP) != 0
            let reads = failed || one.revents & Int16(POLLIN) != 0
            let writes = one.revents & Int16(POLLOUT) != 0
            ares_process_fd(channel, reads ? one.fd : -1, writes ? one.fd : -1)
            hasProcessed = true
        }
        // Looks after the times.
        if !hasProcessed { ares_process_fd(channel, -1, -1) }
    }

    private func start(_ job: Job, on channel: ares_channel) {
        let asked = Unmanaged.passRetained(Asked(job: job)).toOpaque()
        switch job.question.kind {
        case .naptr, .srv:
            let type = Int32(job.question.kind == .srv ? DNSReply.srv : DNSReply.naptr)
            ares_query(
                channel, job.question.name, 1, type,
                { asked, status, _, octets, length in
                    guard let asked else { return }
                    Unmanaged<Asked>.fromOpaque(asked).takeRetainedValue().answer(status, octets, length)
                }, asked)
        case .addresses:
            var hints = ares_addrinfo_hints()
            hints.ai_family = AF_UNSPEC
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            // In the order in which the DNS gives them.
            hints.ai_flags = ARES_AI_NOSORT
            ares_getaddrinfo(
                channel, job.question.name, nil, &hints,
                { asked, status, _, list in
                    defer { if let list { ares_freeaddrinfo(list) } }
                    guard let asked else { return }
                    Unmanaged<Asked>.fromOpaque(asked).takeRetainedValue().answer(status, list)
                }, asked)
        }
    }
}

/// `ares.h`; macros in some versions of c-ares, and an enumeration in others.
private enum Status {
    static let success: Int32 = 0
    static let noData: Int32 = 1
    static let notFound: Int32 = 4
}

/// A question on its way through c-ares, which calls back exactly once.
private final class Asked {
    private let job: Core.Job

    init(job: Core.Job) { self.job = job }

    private func absence(_ status: Int32) -> NameReply {
        status == Status.notFound || status == Status.noData ? NameReply(.absent) : .failed
    }

    /// The octets of an answer with NAPTR or SRV.
    func answer(_ status: Int32, _ octets: UnsafeMutablePointer<UInt8>?, _ length: Int32) {
        guard status == Status.success, let octets, length > 0 else {
            return job.completion(absence(status))
        }
        let buffer = UnsafeRawBufferPointer(start: octets, count: Int(length))
        guard let contents = try? DNSReply.read(buffer, as: job.question.kind) else { return job.completion(.failed) }
        job.completion(NameReply(contents.answer, timeToLive: contents.timeToLive))
    }

    /// The addresses that c-ares found: IPv6 first, and no more than a selection uses.
    func answer(_ status: Int32, _ list: UnsafeMutablePointer<ares_addrinfo>?) {
        guard status == Status.success, let list else { return job.completion(absence(status)) }
        var addresses: [IPAddress] = []
        var seconds = UInt32.max
        var node = list.pointee.nodes
        while let one = node, addresses.count < DNSReply.maximumRecords {
            node = one.pointee.ai_next
            guard let address = IPAddress(one.pointee), !addresses.contains(address) else { continue }
            addresses.append(address)
            seconds = min(seconds, UInt32(max(0, one.pointee.ai_ttl)))
        }
        let ordered = addresses.filter(\.isV6) + addresses.filter { !$0.isV6 }
        job.completion(
            ordered.isEmpty ? NameReply(.absent) : NameReply(.addresses(ordered), timeToLive: seconds))
    }
}

extension Core.State {
    fileprivate mutating func takeJobs() -> [Core.Job] {
        defer { jobs = [] }
        return jobs
    }
}

extension IPAddress {
    fileprivate init?(_ node: ares_addrinfo_node) {
        guard let address = node.ai_addr else { return nil }
        let octets = UnsafeRawPointer(address)
        switch (node.ai_family, Int(node.ai_addrlen)) {
        // sockaddr_in: family, port, address. sockaddr_in6: family, port, flow, address.
        case (AF_INET, 8...): self = .v4(UInt32(bigEndian: octets.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        case (AF_INET6, 24...):
            self = .v6(
                high: UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                low: UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
        default: return nil
        }
    }
}
