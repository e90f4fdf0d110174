/// Which neighbouring tokens become one, and how urgently: (left, right) → (rank, merged).
struct MergeTable: Sendable {
  private struct Slot {
    var left: Int32 = -1
    var right: Int32 = -1
    var rank: UInt32 = .max
    var merged: Int32 = -1
  }

  /// Rank of a pair that no merge names.
  static let none = UInt32.max

  private var slots: [Slot]

  /// An empty table with room for `capacity` merges.
  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = Array(repeating: Slot(), count: size)
  }

  /// Adds a merge; false if the pair has one already.
  mutating func insert(_ left: Int32, _ right: Int32, rank: UInt32, merged: Int32) -> Bool {
    let index = index(left, right)
    guard slots[index].left < 0 else { return false }
    slots[index] = Slot(left: left, right: right, rank: rank, merged: merged)
    return true
  }

  /// Rank and result of merging two tokens; the rank is `none` if they do not merge.
  func merge(_ left: Int32, _ right: Int32) -> (rank: UInt32, merged: Int32) {
    let slot = slots[index(left, right)]
    return (slot.rank, slot.merged)
  }

  /// The slot of the pair, or the free one where it belongs.
  private func index(_ left: Int32, _ right: Int32) -> Int {
    var hash = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    hash = (hash ^ hash >> 29) &* 0x9E37_79B9_7F4A_7C15
    var index = Int(truncatingIfNeeded: hash >> 32) & (slots.count - 1)
    while slots[index].left >= 0, slots[index].left != left || slots[index].right != right {
      index = (index + 1) & (slots.count - 1)
    }
    return index
  }
}
