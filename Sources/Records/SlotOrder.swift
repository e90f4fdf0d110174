/// Puts results that become ready in any order back into the order of their slots.
///
/// Slots are numbered from 0 in the order in which they were opened. Memory holds only results that wait for an earlier
/// slot.
public struct SlotOrder<Value> {
  private var waiting: [Int: Value] = [:]
  private var opened = 0
  private var released = 0

  /// An order without slots.
  public init() {}

  /// How many slots were opened.
  public var count: Int { opened }

  /// How many slots are open still, or resolved but waiting for an earlier one.
  public var unfinished: Int { opened - released }

  /// Opens the next slot and gives its number.
  public mutating func open() -> Int {
    opened += 1
    return opened - 1
  }

  /// Resolves a slot and gives all results, from the earliest slot on, that now wait for nothing.
  /// - Returns: The results in the order of their slots, or nil if the slot was never opened or was resolved before.
  public mutating func resolve(_ slot: Int, _ value: Value) -> [Value]? {
    guard slot >= released, slot < opened, waiting[slot] == nil else { return nil }
    waiting[slot] = value
    var ready: [Value] = []
    while let next = waiting.removeValue(forKey: released) {
      ready.append(next)
      released += 1
    }
    return ready
  }
}
