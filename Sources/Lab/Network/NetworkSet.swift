/// The networks of one run, one a variant: each is started once, while the scenarios of the one before it run, and stopped when its scenarios are over.
actor NetworkSet {
    private let make: @Sendable (NetworkVariant) throws -> LabNetwork
    private var starting: [NetworkVariant: Task<LabNetwork, any Error>] = [:]
    private var networks: [LabNetwork] = []
    private var stopping: [Task<Void, Never>] = []
    private var isStopped = false

    /// - Parameter make: writes the files of a network that is not started yet.
    init(_ make: @escaping @Sendable (NetworkVariant) throws -> LabNetwork) { self.make = make }

    /// Begins to start it, unless that was done before.
    func prepare(_ variant: NetworkVariant) {
        guard starting[variant] == nil, !isStopped else { return }
        let made = Result { try make(variant) }
        if case .success(let network) = made { networks.append(network) }
        starting[variant] = Task {
            let network = try made.get()
            try await network.start()
            return network
        }
    }

    /// The network of a variant, up.
    ///
    /// - Throws: why it did not start.
    func network(_ variant: NetworkVariant) async throws -> LabNetwork {
        prepare(variant)
        guard let task = starting[variant] else { throw CancellationError() }
        return try await task.value
    }

    /// Its scenarios are over: it is stopped while others go on.
    func retire(_ variant: NetworkVariant) {
        guard let task = starting[variant] else { return }
        stopping.append(Task { if let network = try? await task.value { await network.stop() } })
    }

    /// Ends every child of every network.
    func stop() async {
        isStopped = true
        for task in starting.values { task.cancel() }
        for network in networks { await network.stop() }
        // One that was being started may have come to a further child.
        for task in starting.values { _ = try? await task.value }
        for network in networks { await network.stop() }
        for task in stopping { await task.value }
        stopping = []
    }

    /// The captures of all processes that ever ran.
    var captures: [String] {
        get async {
            var paths: [String] = []
            for network in networks { paths += await network.captures }
            return paths
        }
    }
}
