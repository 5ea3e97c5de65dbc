import NIOCore

/// Deadlines in order, for a machine that never looks for one to move it: an entry whose deadline has changed is inserted again, and the old one is
/// found to be stale when it comes.
struct DeadlineHeap<Element: Sendable>: Sendable {
    private var heap: [(deadline: NIODeadline, element: Element)] = []

    var first: NIODeadline? { heap.first?.deadline }

    mutating func insert(_ element: Element, at deadline: NIODeadline) {
        heap.append((deadline, element))
        var place = heap.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard heap[place].deadline < heap[parent].deadline else { break }
            heap.swapAt(place, parent)
            place = parent
        }
    }

    /// The earliest one that is not after `now`.
    mutating func take(until now: NIODeadline) -> (Element, NIODeadline)? {
        guard let first = heap.first, first.deadline <= now, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var place = 0
            while true {
                var least = place
                for child in [2 * place + 1, 2 * place + 2]
                where child < heap.count && heap[child].deadline < heap[least].deadline {
                    least = child
                }
                guard least != place else { break }
                heap.swapAt(place, least)
                place = least
            }
        }
        return (first.element, first.deadline)
    }
}
