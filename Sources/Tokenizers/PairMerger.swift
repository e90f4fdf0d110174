/// Merges the tokens of one piece, the lowest rank first and the leftmost among equals, until no pair is left.
///
/// A linked list and a heap: n log n for a piece of n bytes, since a piece may be as long as the text.
/// The arrays are kept between pieces.
struct PairMerger {
  /// The tokens to merge; after `merge`, the first `count` are the result.
  var tokens: [Int32] = []
  private var previous: [Int32] = []
  private var next: [Int32] = []
  /// What merging each token with its right neighbour gives.
  private var pairs: [(rank: UInt32, merged: Int32)] = []
  /// Rank and position of pairs, as one number; entries that a later merge made stale are skipped.
  private var heap: [UInt64] = []

  mutating func merge(with table: MergeTable) {
    merge(by: { left, right, _, _ in table.merge(left, right) })
  }

  /// Merges by what `pair` says of two neighbours: their tokens, where the left one begins and the right one ends,
  /// counted in the tokens before merging. Equal ranks go from left to right.
  @inline(__always)
  mutating func merge(by pair: (Int32, Int32, Int, Int) -> (rank: UInt32, merged: Int32)) {
    let count = tokens.count
    guard count > 1 else { return }
    previous.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
    pairs.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
    for position in 0..<count {
      previous.append(Int32(position - 1))
      next.append(position + 1 < count ? Int32(position + 1) : -1)
      pairs.append((MergeTable.none, -1))
    }
    for position in 0..<count - 1 { find(at: position, by: pair) }
    while let entry = popLowest() {
      let position = Int(entry & 0xFFFF_FFFF)
      guard pairs[position].rank == UInt32(entry >> 32) else { continue }
      tokens[position] = pairs[position].merged
      let absorbed = Int(next[position])
      pairs[absorbed].rank = MergeTable.none
      next[position] = next[absorbed]
      if next[position] >= 0 { previous[Int(next[position])] = Int32(position) }
      find(at: position, by: pair)
      if previous[position] >= 0 { find(at: Int(previous[position]), by: pair) }
    }
    var kept = 0
    var position = 0
    while position >= 0 {
      tokens[kept] = tokens[position]
      kept += 1
      position = Int(next[position])
    }
    tokens.removeSubrange(kept...)
  }

  /// Looks up the pair that begins at `position` and queues it.
  @inline(__always)
  private mutating func find(
    at position: Int, by pair: (Int32, Int32, Int, Int) -> (rank: UInt32, merged: Int32)
  ) {
    guard next[position] >= 0 else {
      pairs[position].rank = MergeTable.none
      return
    }
    let right = Int(next[position])
    let end = next[right] >= 0 ? Int(next[right]) : tokens.count
    pairs[position] = pair(tokens[position], tokens[right], position, end)
    if pairs[position].rank != MergeTable.none { push(UInt64(pairs[position].rank) << 32 | UInt64(position)) }
  }

  // MARK: Heap

  private mutating func push(_ entry: UInt64) {
    var index = heap.count
    heap.append(entry)
    while index > 0, heap[(index - 1) / 2] > entry {
      heap[index] = heap[(index - 1) / 2]
      index = (index - 1) / 2
    }
    heap[index] = entry
  }

  private mutating func popLowest() -> UInt64? {
    guard let lowest = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return lowest }
    var index = 0
    while true {
      var child = 2 * index + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < last else { break }
      heap[index] = heap[child]
      index = child
    }
    heap[index] = last
    return lowest
  }
}
