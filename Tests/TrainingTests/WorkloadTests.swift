import Kernels
import Testing
import TinyModels
import Training
import Transformer

@Suite struct WorkloadTests {
  private let trial: Trial

  init() throws { trial = try Trial() }

  private func workload(_ length: Int, seed: UInt64) -> Workload {
    Workload(sequences: [trial.sequence(length, seed: seed).tokens], predictions: 0)
  }

  private func deal(_ lengths: [Int], _ ranks: Int) -> [[Int]] {
    trial.transformer(nil).deal(
      lengths.enumerated().map { workload($1, seed: UInt64($0)) }, toRanks: ranks)
  }

  @Test func handsAreBalanced() {
    #expect(deal([50, 40, 30, 20], 2) == [[0, 3], [1, 2]])
    #expect(deal([10, 90, 30, 60], 2) == [[0, 1], [2, 3]] || deal([10, 90, 30, 60], 2) == [[1], [0, 2, 3]])
    #expect(deal([10, 20, 90], 2) == [[2], [0, 1]])
    // The dearest first alone leaves 90 + 50 + 40 against 80 + 60.
    #expect(deal([90, 80, 60, 50, 40], 2) == [[1, 3, 4], [0, 2]])
    // Equal ones in the order of the batch.
    #expect(deal([20, 20, 20, 20, 20], 3) == [[0, 3], [1, 4], [2]])
  }

  @Test func ranksWithoutRecords() {
    #expect(deal([20, 30], 4) == [[1], [0], [], []])
    #expect(deal([], 3) == [[], [], []])
    #expect(deal([20, 30, 10], 1) == [[0, 1, 2]])
  }

  @Test(arguments: [2, 3, 7]) func everyRecordGoesToOneRank(_ ranks: Int) {
    var generator = SplitMix64(seed: UInt64(ranks))
    let lengths = (0..<40).map { _ in 5 + Int(generator.next() % 300) }
    let hands = deal(lengths, ranks)
    #expect(hands.flatMap { $0 }.sorted() == Array(lengths.indices))
    #expect(hands.allSatisfy { $0 == $0.sorted() })
    let loads = hands.map { $0.reduce(0) { $0 + lengths[$1] } }
    let mean = Double(lengths.reduce(0, +)) / Double(ranks)
    // What this way of dealing promises is 4/3 of the best; with so many records it is close to even.
    #expect(Double(loads.max() ?? 0) < 1.05 * mean, "\(loads)")
    #expect(hands == deal(lengths, ranks))
  }

  /// Two records with one long prompt cost little more than one of them: the last one, of 140 rows, goes to their rank.
  @Test func sharedPrefixesAreCountedOnce() {
    let prompt = trial.sequence(200, seed: 1).tokens
    func answer(_ length: Int, seed: UInt64) -> Workload {
      Workload(sequences: [prompt + trial.sequence(length, seed: seed).tokens], predictions: 0)
    }
    let records = [
      workload(230, seed: 2), answer(20, seed: 3), answer(15, seed: 4), workload(150, seed: 5), workload(140, seed: 6),
    ]
    #expect(trial.transformer(nil).deal(records, toRanks: 2) == [[0, 3], [1, 2, 4]])
  }

  /// Predictions over the vocabulary cost too.
  @Test func predictionsCount() {
    let sequence = [trial.sequence(100, seed: 1).tokens]
    let few = Workload(sequences: sequence, predictions: 1)
    let many = Workload(sequences: [trial.sequence(90, seed: 2).tokens], predictions: 5000)
    let other = Workload(sequences: [trial.sequence(80, seed: 3).tokens], predictions: 1)
    #expect(trial.transformer(nil).deal([few, many, other], toRanks: 2) == [[1], [0, 2]])
  }
}
