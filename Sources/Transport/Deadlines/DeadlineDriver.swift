import NIOCore

/// Keeps the deadlines of one event loop: every state machine has one registration, and all of them together one scheduled task.
///
///     machine ── nextDeadline ──▶ registration.set ──▶ heap ──▶ one eventLoop.scheduleTask
///     machine ◀── timersDue(now) ── fire(now) ◀─────── due
///
/// Nothing else schedules timers. A registration that fired has no deadline until it is set again.
// Confined to `eventLoop`: every entry point checks it, so that sharing the reference between threads is safe.
package final class DeadlineDriver: @unchecked Sendable {
    package let eventLoop: any EventLoop
    /// A binary heap by deadline; each registration knows its place.
    private var heap: [DeadlineRegistration] = []
    /// The deadline of the one scheduled task.
    private var scheduled: (deadline: NIODeadline, task: Scheduled<Void>)?
    private var isFiring = false

    package init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// - Parameter fire: called on the loop, with the time of the loop, once for each deadline that was set and has come.
    package func register(_ fire: @escaping (NIODeadline) -> Void) -> DeadlineRegistration {
        DeadlineRegistration(driver: self, fire: fire)
    }

    /// How many registrations have a deadline.
    package var count: Int { heap.count }

    fileprivate func set(_ registration: DeadlineRegistration, _ deadline: NIODeadline?) {
        eventLoop.preconditionInEventLoop()
        switch (registration.place, deadline) {
        case (nil, nil): return
        case (nil, let deadline?):
            registration.deadline = deadline
            registration.place = heap.count
            heap.append(registration)
            siftUp(heap.count - 1)
        case (let place?, let deadline?):
            guard deadline != registration.deadline else { return }
            registration.deadline = deadline
            siftDown(siftUp(place))
        case (let place?, nil): remove(at: place)
        }
        schedule()
    }

    private func remove(at place: Int) {
        heap[place].place = nil
        let last = heap.removeLast()
        guard place < heap.count else { return }
        heap[place] = last
        last.place = place
        siftDown(siftUp(place))
    }

    /// A task that would come too late is replaced. One that comes too early finds nothing due and is set again: cheaper than replacing it whenever a
    /// deadline moves away, as most do.
    private func schedule() {
        guard !isFiring else { return }
        guard let first = heap.first else {
            scheduled?.task.cancel()
            scheduled = nil
            return
        }
        if let scheduled, scheduled.deadline <= first.deadline { return }
        scheduled?.task.cancel()
        let deadline = first.deadline
        scheduled = (deadline, eventLoop.scheduleTask(deadline: deadline) { [weak self] in self?.fire() })
    }

    private func fire() {
        scheduled = nil
        isFiring = true
        // Only what is due now: a registration that sets itself to the past again gets its turn in the next task, and starves nobody.
        let now = eventLoop.now
        var due: [DeadlineRegistration] = []
        while let first = heap.first, first.deadline <= now {
            remove(at: 0)
            first.isDue = true
            due.append(first)
        }
        for registration in due where registration.isDue {
            registration.isDue = false
            registration.fire(now)
        }
        isFiring = false
        schedule()
    }

    @discardableResult
    private func siftUp(_ start: Int) -> Int {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            guard heap[place].deadline < heap[parent].deadline else { break }
            swap(place, parent)
            place = parent
        }
        return place
    }

    private func siftDown(_ start: Int) {
        var place = start
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count {
                if heap[child].deadline < heap[least].deadline { least = child }
            }
            guard least != place else { return }
            swap(place, least)
            place = least
        }
    }

    private func swap(_ one: Int, _ other: Int) {
        heap.swapAt(one, other)
        heap[one].place = one
        heap[other].place = other
    }
}

/// One machine's deadline at a driver. On the driver's event loop only.
package final class DeadlineRegistration {
    private let driver: DeadlineDriver
    fileprivate let fire: (NIODeadline) -> Void
    fileprivate var deadline = NIODeadline.distantFuture
    /// Index in the heap.
    fileprivate var place: Int?
    /// Taken from the heap and about to fire.
    fileprivate var isDue = false

    fileprivate init(driver: DeadlineDriver, fire: @escaping (NIODeadline) -> Void) {
        self.driver = driver
        self.fire = fire
    }

    /// Replaces the deadline; nil: none. A deadline in the past fires in the next turn of the loop.
    package func set(_ deadline: NIODeadline?) {
        isDue = false
        driver.set(self, deadline)
    }

    /// No deadline. The closure stays with the registration: drop that to release what it holds.
    package func cancel() { set(nil) }

    /// What was set, if it has not fired.
    package var current: NIODeadline? { place == nil ? nil : deadline }
}
