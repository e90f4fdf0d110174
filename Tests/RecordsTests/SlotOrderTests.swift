import Records
import Testing

@Suite struct SlotOrderTests {
  @Test func resultsComeOutInOrder() {
    var order = SlotOrder<String>()
    let slots = (0..<4).map { _ in order.open() }
    #expect(slots == [0, 1, 2, 3])
    #expect(order.resolve(2, "c") == [])
    #expect(order.resolve(1, "b") == [])
    #expect(order.unfinished == 4)
    #expect(order.resolve(0, "a") == ["a", "b", "c"])
    #expect(order.unfinished == 1)
    #expect(order.resolve(3, "d") == ["d"])
    #expect(order.count == 4 && order.unfinished == 0)
  }

  @Test func aSlotIsResolvedOnce() {
    var order = SlotOrder<Int>()
    _ = (order.open(), order.open())
    #expect(order.resolve(1, 1) == [])
    #expect(order.resolve(1, 1) == nil)
    #expect(order.resolve(0, 0) == [0, 1])
    #expect(order.resolve(0, 0) == nil)
    #expect(order.resolve(2, 2) == nil)
    #expect(order.resolve(-1, 2) == nil)
  }

  @Test func everyPermutationOfFive() {
    func permutations(_ items: [Int]) -> [[Int]] {
      items.isEmpty
        ? [[]] : items.flatMap { first in permutations(items.filter { $0 != first }).map { [first] + $0 } }
    }
    for permutation in permutations([0, 1, 2, 3, 4]) {
      var order = SlotOrder<Int>()
      for _ in permutation { _ = order.open() }
      #expect(permutation.flatMap { order.resolve($0, $0) ?? [] } == [0, 1, 2, 3, 4], "\(permutation)")
    }
  }
}
