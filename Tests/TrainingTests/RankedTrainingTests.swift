import Checkpoints
import Kernels
import Records
import Tensors
import Testing
import TinyModels
import Training
import Transformer

/// Several ranks learn what one process learns.
@Suite struct RankedTrainingTests {
  private let trial: Trial
  private let records: [TrainingRecord]

  init() throws {
    trial = try Trial()
    records = try trial.records(11)
  }

  /// The model of one rank: threads cannot share what computes.
  private func transformer(_ adapter: Adapter?) throws -> TransformerModel {
    TransformerModel(checkpoint: try trial.model.checkpoint(), adapter: adapter, products: try Products(threads: 1))
  }

  private struct Outcome {
    var weights: [Float]
    var metrics: [StepMetrics]
    var ids: [[String]]
  }

  private func train(_ records: any LossSource, _ communicator: any Communicator, steps: Int = 6) throws -> Outcome {
    let adapter = trial.model.adapter()
    let transformer = try transformer(adapter)
    let group = RankGroup(communicator)
    var trainer = try Trainer(model: transformer, clip: 1, ranks: group)
    let order = TrainingOrder(.shuffled, count: records.count, batch: 4, epochs: 2, seed: 3)
    var outcome = Outcome(weights: [], metrics: [], ids: [])
    for step in 0..<steps {
      let share = try group.share(of: order.records(step: step).indices, from: records, model: transformer)
      outcome.ids.append(share.ids)
      outcome.metrics.append(
        try trainer.step(share, learningRate: 0.01, dropout: StepDropout(rate: 0.1, seed: UInt64(step))))
    }
    outcome.weights = adapter.values
    return outcome
  }

  /// A last batch of three records leaves the fourth and fifth rank without any.
  @Test(arguments: [2, 3, 5]) func anyNumberOfRanks(_ size: Int) throws {
    let alone = try train(records, SingleProcess())
    let outcomes = try ThreadRanks(size).run { try self.train(self.records, $0) }.map { try $0.get() }
    let again = try ThreadRanks(size).run { try self.train(self.records, $0) }.map { try $0.get() }
    let largest = alone.weights.map(abs).max() ?? 0
    let difference = zip(alone.weights, outcomes[0].weights).map { abs($0 - $1) }.max() ?? .infinity
    // AdamW divides by what may be nearly nothing, which enlarges float32's rounding.
    #expect(difference < 2e-4 * largest && difference > 0)
    for outcome in outcomes + again {
      #expect(outcome.weights == outcomes[0].weights && outcome.metrics == outcomes[0].metrics)
      #expect(outcome.ids == alone.ids)
    }
    for (one, several) in zip(alone.metrics, outcomes[0].metrics) {
      #expect(one.step == several.step && one.tokens == several.tokens)
      #expect(abs(one.loss - several.loss) < 1e-4 * one.loss)
      #expect(abs(one.gradientNorm - several.gradientNorm) < 1e-3 * one.gradientNorm)
    }
  }

  /// A record whose loss is not a number is refused on all ranks, which are then as they were.
  @Test func oneBadRecordEndsTheStepOfAll() throws {
    var broken = trial.sequence(20, seed: 9)
    broken.likelihood[0] = .infinity
    let records = self.records.prefix(3) + [try trial.record("broken", [broken])]
    let outcomes = ThreadRanks(3).run { communicator in
      let adapter = self.trial.model.adapter()
      let before = adapter.values
      let transformer = try self.transformer(adapter)
      let group = RankGroup(communicator)
      var trainer = try Trainer(model: transformer, clip: 1, ranks: group)
      let share = try group.share(of: [0, 1, 2, 3], from: Array(records), model: transformer)
      let error = #expect(throws: TrainingError.self) { try trainer.step(share, learningRate: 0.01) }
      #expect(error?.description.hasPrefix("id \"broken\": the loss is inf") ?? false, "\(String(describing: error))")
      #expect(adapter.values == before && trainer.optimizer.steps == 0)
    }
    for outcome in outcomes { try outcome.get() }
  }

  /// Losses made anew: the second record has none at any step, the fourth cannot be scored.
  private struct Uneven: LossSource {
    let records: [TrainingRecord]
    let fails: Bool
    var count: Int { records.count }
    var settings: [String] { [] }
    func id(of index: Int) -> String { records[index].id }
    func workload(of index: Int) -> Workload { records.workload(of: index) }
    func add(to fingerprint: inout Fingerprint) {}
    func losses(of indices: [Int]) throws(TrainingError) -> StepLosses {
      if fails, indices.contains(3) { throw TrainingError("id \"r3\": no scores") }
      return StepLosses(
        records: indices.filter { $0 % 4 != 1 }.map { records[$0] },
        weightless: indices.filter { $0 % 4 == 1 }.map { records[$0].id })
    }
  }

  @Test func recordsWithoutWeights() throws {
    let alone = try train(Uneven(records: records, fails: false), SingleProcess())
    let outcomes = ThreadRanks(3).run { try self.train(Uneven(records: self.records, fails: false), $0) }
    for outcome in outcomes {
      let outcome = try outcome.get()
      #expect(outcome.ids == alone.ids && outcome.ids.contains { $0.count < 4 })
      for (one, several) in zip(alone.metrics, outcome.metrics) {
        #expect(abs(one.loss - several.loss) < 1e-4 * one.loss)
      }
    }
    let shares = ThreadRanks(3).run { communicator in
      try RankGroup(communicator).share(
        of: [5, 0, 1], from: Uneven(records: self.records, fails: false), model: self.transformer(nil))
    }
    for share in shares {
      #expect(try share.get().ids == ["r0"])
      #expect(try share.get().weightless == ["r5", "r1"])
    }
    for outcome in ThreadRanks(2).run({ try self.train(Uneven(records: self.records, fails: true), $0) }) {
      #expect(throws: TrainingError("id \"r3\": no scores")) { _ = try outcome.get() }
    }
  }
}
