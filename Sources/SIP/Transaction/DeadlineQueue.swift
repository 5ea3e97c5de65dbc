import NIOCore

/// A binary heap of deadlines. Entries are never removed by name: their owner recognises the ones that no longer mean anything when they reach the
/// top, which is cheaper than finding them, since a transaction changes its deadline a handful of times in its life.
struct DeadlineQueue<Name: Sendable>: Sendable {
    struct Entry: Sendable {
        let deadline: NIODeadline
        let name: Name
    }

    private var heap: [Entry] = []

    var first: Entry? { heap.first }
    var count: Int { heap.count }

    mutating func push(_ deadline: NIODeadline, _ name: Name) {
        heap.append(Entry(deadline: deadline, name: name))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
