import Checkpoints
import Kernels
import Testing
import TinyModels
import Training

@Suite struct TrainingOrderTests {
  private func steps(_ order: TrainingOrder) -> [(epoch: Int, indices: [Int])] {
    (0..<order.steps).map { order.records(step: $0) }
  }

  @Test(arguments: [(1, 1), (7, 3), (8, 4), (3, 10), (50, 4)], TrainingOrder.Kind.allCases)
  func everyEpochHasEachRecordOnce(_ shape: (count: Int, batch: Int), _ kind: TrainingOrder.Kind) {
    let order = TrainingOrder(kind, count: shape.count, batch: shape.batch, epochs: 3, seed: 5)
    let perEpoch = (shape.count + shape.batch - 1) / shape.batch
    #expect(order.steps == 3 * perEpoch)
    for epoch in 0..<3 {
      let steps = (0..<perEpoch).map { order.records(step: epoch * perEpoch + $0) }
      #expect(steps.allSatisfy { $0.epoch == epoch })
      #expect(steps.dropLast().allSatisfy { $0.indices.count == shape.batch })
      #expect(steps.flatMap(\.indices).sorted() == Array(0..<shape.count))
    }
  }

  @Test func streamOrderIsTheStreams() {
    let order = TrainingOrder(.stream, count: 5, batch: 2, epochs: 2, seed: 5)
    #expect(steps(order).map(\.indices) == [[0, 1], [2, 3], [4], [0, 1], [2, 3], [4]])
  }

  @Test func seedsDecideTheOrder() {
    func flat(_ seed: UInt64) -> [Int] {
      steps(TrainingOrder(.shuffled, count: 20, batch: 4, epochs: 2, seed: seed)).flatMap(\.indices)
    }
    #expect(flat(1) == flat(1))
    #expect(flat(1) != flat(2))
    #expect(Array(flat(1)[..<20]) != Array(flat(1)[20...]), "each epoch its own order")
    #expect(flat(1) != Array(0..<20) + Array(0..<20))
  }

  /// All orders of three records come up about equally often: 600 draws, mean 100, standard deviation 9.1.
  @Test func ordersAreUniform() {
    var counts: [[Int]: Int] = [:]
    for seed in 0..<600 as Range<UInt64> {
      let order = TrainingOrder(.shuffled, count: 3, batch: 3, epochs: 1, seed: seed)
      counts[order.records(step: 0).indices, default: 0] += 1
    }
    #expect(counts.count == 6)
    #expect(counts.values.allSatisfy { (55...145).contains($0) })
  }

  @Test func theFingerprintTellsRunsApart() throws {
    let trial = try Trial()
    let records = try trial.records(3)
    let base = TrainingOrder(.shuffled, count: 3, batch: 2, epochs: 2, seed: 1)
    let expected = base.fingerprint(records: records)
    #expect(base.fingerprint(records: try trial.records(3)) == expected)
    let others = [
      TrainingOrder(.stream, count: 3, batch: 2, epochs: 2, seed: 1),
      TrainingOrder(.shuffled, count: 3, batch: 3, epochs: 2, seed: 1),
      TrainingOrder(.shuffled, count: 3, batch: 2, epochs: 3, seed: 1),
      TrainingOrder(.shuffled, count: 3, batch: 2, epochs: 2, seed: 2),
    ]
    for other in others { #expect(other.fingerprint(records: records) != expected) }
    #expect(base.fingerprint(records: records.reversed()) != expected)
    #expect(base.fingerprint(records: try trial.records(3, seed: 99)) != expected)
    var sequence = trial.sequence(20, seed: 0)
    sequence.unlikelihood[3] += 0.125
    let changed = [try trial.record("r0", [sequence])] + records.dropFirst()
    #expect(base.fingerprint(records: changed) != expected)
  }
}
