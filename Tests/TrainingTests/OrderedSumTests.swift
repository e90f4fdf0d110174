import Checkpoints
import Kernels
import Testing
import TinyModels
import Training

@Suite struct OrderedSumTests {
  private let trial: Trial

  init() throws { trial = try Trial() }

  /// An adapter of numbers of very different sizes, whose sum depends on the order.
  private func adapter(_ rank: Int) -> Adapter {
    var generator = SplitMix64(seed: UInt64(rank + 1))
    let adapter = trial.model.adapter()
    for (_, matrix) in adapter.parameters {
      matrix.fill(
        (0..<matrix.rows * matrix.columns).map { _ in
          Float(generator.unit() - 0.5) * (generator.next() % 3 == 0 ? 1e6 : 1e-2)
        })
    }
    return adapter
  }

  /// The last piece may be anything from one entry to a whole one; a rank may have no entry of it.
  @Test(arguments: [1, 2, 3, 5], [1, 7, 640, 1 << 22]) func addsInTheOrderOfTheRanks(_ size: Int, _ piece: Int) throws {
    let adapters = (0..<size).map { adapter($0) }
    var expected = adapters[0].values
    for other in adapters.dropFirst() {
      for (index, value) in other.values.enumerated() { expected[index] += value }
    }
    let backwards = adapters.reversed().map(\.values).reduce([Float](repeating: 0, count: expected.count)) {
      zip($0, $1).map { $0 + $1 }
    }
    if size > 2 { #expect(backwards != expected, "numbers that show the order") }
    let ranks = ThreadRanks(size)
    for outcome in ranks.run({ try $0.sum(adapters[$0.rank], piece: piece) }) { try outcome.get() }
    for adapter in adapters { #expect(adapter.values == expected) }
  }

  /// What a rank sends does not grow with their number: the entries once, and its part of the sums.
  @Test func sendsLittle() throws {
    let ranks = ThreadRanks(4)
    let count = adapter(0).values.count
    for outcome in ranks.run({ try $0.sum(self.adapter($0.rank)) }) { try outcome.get() }
    #expect(ranks.sent >= 5 * count && ranks.sent < 5 * (count + 4))
  }
}
