import Checkpoints
import Kernels
import Tensors
import Testing
import TinyModels
import Training
import Transformer

@Suite struct TrainerTests {
  private let trial: Trial

  init() throws { trial = try Trial() }

  /// A batch's loss and gradient are the means over its records, each taken alone.
  private func expectMean(of records: [TrainingRecord], rate: Float?) throws {
    let adapter = trial.model.adapter()
    let trainer = try trial.trainer(adapter)
    let dropout = rate.map { StepDropout(rate: $0, seed: 8) }
    var loss = 0.0
    var expected = [Double](repeating: 0, count: adapter.values.count)
    for record in records {
      let alone = try trainer.gradient(of: [record], dropout: dropout)
      loss += alone.loss / Double(records.count)
      for (index, value) in alone.gradient.values.enumerated() {
        expected[index] += Double(value) / Double(records.count)
      }
    }
    let batch = try trainer.gradient(of: records, dropout: dropout)
    #expect(abs(batch.loss - loss) < 1e-5 * abs(loss))
    let largest = expected.map(abs).max() ?? 0
    let difference = zip(batch.gradient.values, expected).map { abs(Double($0) - $1) }.max() ?? .infinity
    #expect(largest > 0 && difference < 1e-4 * largest)
    let norm = expected.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(batch.norm - norm) < 1e-4 * norm)
  }

  @Test(arguments: [nil, Float(0.2)]) func aBatchIsTheMeanOfItsRecords(_ rate: Float?) throws {
    try expectMean(of: trial.records(5), rate: rate)
  }

  /// More tokens than go into one pass; one record alone has too many.
  @Test func aBatchTakenApartIsTheMeanOfItsRecords() throws {
    let limit = try trial.trainer(trial.model.adapter()).rowLimit
    let lengths = [3000, 3500, 2500, 10, limit + 20, 10]
    let records = try lengths.enumerated().map { index, length in
      let parts = stride(from: 0, to: length, by: 400).map { start in
        trial.sequence(min(400, length - start), seed: UInt64(index << 32 | start))
      }
      return try trial.record("r\(index)", parts)
    }
    try expectMean(of: records, rate: 0.1)
  }

  /// Only within a pass are prefixes shared: how often a record is computed tells how the batch was taken apart. A
  /// pass has room for two different records.
  @Test(arguments: [("AA", 1), ("AAAAA", 1), ("ABABAB", 2), ("ABC", 3), ("ABCA", 4), ("ABBCA", 4), ("ABCC", 3)])
  func noPassHasMoreRowsThanItsLimit(_ names: String, _ computed: Int) throws {
    let batch = try names.utf8.enumerated().map { place, name in
      let sequences = (0..<10).map { trial.sequence(400, seed: UInt64(name) << 8 | $0) }
      return try trial.record("r\(place)", sequences)
    }
    var trainer = try trial.trainer(trial.model.adapter(targets: [.down]))
    let metrics = try trainer.step(batch, learningRate: 0)
    #expect(metrics.tokens == names.utf8.count * 4000 && metrics.rows == computed * 4000)
  }

  /// What a pass takes beside an 8B model's weights leaves room for these in 8 GB.
  @Test func largeModelsHaveSmallerPasses() {
    var shape = trial.transformer(nil).configuration
    func limit(_ layers: Int, _ hidden: Int, _ intermediate: Int) -> Int {
      (shape.layers, shape.hiddenSize, shape.intermediateSize) = (layers, hidden, intermediate)
      return TransformerModel.trainingRowLimit(shape)
    }
    #expect(limit(30, 576, 1536) == 8192)
    #expect((2500...3500).contains(limit(32, 4096, 14336)))
    #expect(limit(64, 4096, 14336) < limit(32, 4096, 14336))
    #expect(limit(1 << 16, 1 << 20, 1 << 24) == 1)
  }

  /// Passes of few records add up to the pass of all: in loss, gradient and norm, whichever entries dropout takes.
  @Test(arguments: [nil, Float(0.2)], [1, 2, 3, 6])
  func microBatchesAddUpToTheBatch(_ rate: Float?, _ microBatch: Int) throws {
    let adapter = trial.model.adapter()
    let dropout = rate.map { StepDropout(rate: $0, seed: 8) }
    let records = try trial.records(7)
    let all = try trial.trainer(adapter).gradient(of: records, dropout: dropout)
    let trainer = try Trainer(model: trial.transformer(adapter), clip: 1, microBatch: microBatch)
    let parts = try trainer.gradient(of: records, dropout: dropout)
    let largest = all.gradient.values.map(abs).max() ?? 0
    let difference = zip(parts.gradient.values, all.gradient.values).map { abs($0 - $1) }.max() ?? .infinity
    #expect(largest > 0.01 && difference < 3e-5 * largest)
    #expect(abs(parts.loss - all.loss) < 1e-6 * all.loss && abs(parts.norm - all.norm) < 1e-5 * all.norm)
  }

  /// What equal records share is computed once within a pass, and only there.
  @Test(arguments: [(nil, 1), (4, 1), (2, 2), (1, 4)]) func passesHaveTheirRecords(
    _ microBatch: Int?, _ passes: Int
  ) throws {
    var trainer = try Trainer(
      model: trial.transformer(trial.model.adapter()), clip: 1, microBatch: microBatch)
    let record = try trial.record("r", [trial.sequence(30, seed: 1)])
    #expect(try trainer.step([record, record, record, record], learningRate: 0).rows == passes * 30)
  }

  /// A step on nothing counts, and moves the adapter as far as the moments do.
  @Test func aStepWithoutRecordsHasNoGradient() throws {
    let adapter = trial.model.adapter()
    var trainer = try trial.trainer(adapter)
    let before = adapter.values
    let first = try trainer.step([], learningRate: 0.01)
    #expect(first.step == 1 && first.loss == 0 && first.gradientNorm == 0 && first.rows == 0 && first.tokens == 0)
    #expect(adapter.values == before)
    _ = try trainer.step(try trial.records(2), learningRate: 0.01)
    let moved = adapter.values
    #expect(try trainer.step([], learningRate: 0.01).step == 3)
    #expect(adapter.values != moved && adapter.values.allSatisfy(\.isFinite))
  }

  @Test func metricsSayWhatWasDone() throws {
    let adapter = trial.model.adapter()
    var trainer = try trial.trainer(adapter)
    let records = try trial.records(3)
    let duplicate = try trial.record("again", records[0].sequences)
    let batch = records + [duplicate]
    let before = try trainer.gradient(of: batch)
    let (loss, norm) = (before.loss, before.norm)
    let metrics = try trainer.step(batch, learningRate: 0.01)
    let tokens = 20 + 2 * 21 + 22 + 20
    #expect(metrics.step == 1 && metrics.learningRate == 0.01)
    #expect(metrics.loss == loss && metrics.gradientNorm == norm)
    #expect(metrics.tokens == tokens && metrics.rows == tokens - 20, "the duplicate costs no rows")
    #expect(try trainer.step(records, learningRate: 0).step == 2)
  }

  /// Places without weight, and all that lies behind the last one with weight, change nothing and cost nothing.
  @Test(arguments: [nil, Float(0.2)]) func whatCarriesNoWeightIsNotComputed(_ rate: Float?) throws {
    var sequence = trial.sequence(24, seed: 3)
    for place in sequence.positions.indices where sequence.positions[place] > 14 || place == 2 {
      sequence.likelihood[place] = 0
      sequence.unlikelihood[place] = -0.0
    }
    let adapter = trial.model.adapter()
    let dropout = rate.map { StepDropout(rate: $0, seed: 8) }
    let model = trial.transformer(adapter)
    let whole = adapter.zeros()
    let terms = sequence.positions.indices.map {
      LossTerm(
        row: Int(sequence.positions[$0]), target: sequence.targets[$0], likelihood: sequence.likelihood[$0],
        unlikelihood: sequence.unlikelihood[$0])
    }
    let losses = model.lossGradient(
      model.layout([sequence.tokens]), terms: terms, addingTo: whole, dropout: dropout)
    var trainer = try trial.trainer(adapter)
    let record = try trial.record("r", [sequence])
    let part = try trainer.gradient(of: [record], dropout: dropout)
    #expect(abs(part.loss - losses.reduce(0, +)) < 1e-6 * part.loss)
    let largest = whole.values.map(abs).max() ?? 0
    let difference = zip(part.gradient.values, whole.values).map { abs($0 - $1) }.max() ?? .infinity
    #expect(largest > 0.01 && difference < 1e-5 * largest)
    let metrics = try trainer.step([record], learningRate: 0)
    #expect(metrics.rows == 15 && metrics.tokens == 15)
  }

  /// A step moves against the gradient: the loss of the same batch falls.
  @Test func stepsLowerTheLoss() throws {
    var trainer = try trial.trainer(trial.model.adapter())
    let records = try trial.records(4)
    let losses = try (0..<15).map { _ in try trainer.step(records, learningRate: 0.01).loss }
    #expect(losses[14] < losses[0] - 0.1)
  }

  /// Only the direction of the gradient counts beyond the limit, and Adam's first step does not even see its length:
  /// with a limit near ε it does.
  @Test func theGradientIsClipped() throws {
    let records = try trial.records(2)
    func moved(clip: Double) throws -> Double {
      let adapter = trial.model.adapter()
      let before = adapter.values
      var trainer = try trial.trainer(adapter, clip: clip)
      #expect(try trainer.step(records, learningRate: 0.01).gradientNorm > 1, "before clipping")
      return zip(adapter.values, before).reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
    }
    let (whole, tiny) = (try moved(clip: 1), try moved(clip: 1e-9))
    #expect(tiny > 0 && tiny < 0.1 * whole)
  }

  @Test func aRateOfZeroMovesNothing() throws {
    let adapter = trial.model.adapter()
    let before = adapter.values
    var trainer = try trial.trainer(adapter)
    _ = try trainer.step(try trial.records(2), learningRate: 0)
    #expect(adapter.values == before)
    #expect(trainer.optimizer.steps == 1)
    #expect(trainer.optimizer.first.norm > 0)
  }

  /// A step that cannot be taken names the record, or the tensor, and leaves no trace: the next one is as if it had
  /// not been tried.
  @Test func aLossThatIsNotFiniteChangesNothing() throws {
    let good = try trial.records(2)
    var sequence = trial.sequence(12, seed: 50)
    sequence.likelihood[0] = .infinity
    let bad = try trial.record("bad one", [sequence])
    sequence.likelihood[0] = 3e38
    let steep = try trial.record("steep", [sequence])
    let (adapter, other) = (trial.model.adapter(), trial.model.adapter())
    var trainer = try trial.trainer(adapter)
    var undisturbed = try trial.trainer(other)
    _ = try trainer.step(good, learningRate: 0.01)
    _ = try undisturbed.step(good, learningRate: 0.01)
    let before = (adapter.values, trainer.optimizer.first.values, trainer.optimizer.second.values)

    let error = #expect(throws: TrainingError.self) { try trainer.step(good + [bad], learningRate: 0.01) }
    #expect(error?.description == "id \"bad one\": the loss is inf; the adapter is left as it was")
    let second = #expect(throws: TrainingError.self) { try trainer.step(good + [steep], learningRate: 0.01) }
    let words = try #require(second?.description)
    #expect(words.hasPrefix("id \"steep\": the gradient of base_model.model.model.layers."))
    #expect(words.hasSuffix(".weight is not finite; the adapter is left as it was"))
    #expect(before.0 == adapter.values)
    #expect(before.1 == trainer.optimizer.first.values && before.2 == trainer.optimizer.second.values)
    #expect(trainer.optimizer.steps == 1)

    _ = try trainer.step(good, learningRate: 0.01)
    _ = try undisturbed.step(good, learningRate: 0.01)
    #expect(adapter.values == other.values)
  }

  /// An adapter that has diverged is found out by the loss.
  @Test func anAdapterThatIsNoNumberIsFoundOut() throws {
    let adapter = trial.model.adapter()
    adapter.layers[1][.down]?.b[0, 0] = .nan
    var trainer = try trial.trainer(adapter)
    let error = #expect(throws: TrainingError.self) { try trainer.step(try trial.records(2), learningRate: 0.01) }
    #expect(error?.description.hasPrefix("id \"r0\": the loss is") == true)
  }

  @Test func withoutAnAdapterThereIsNothingToTrain() throws {
    let error = #expect(throws: TrainingError.self) { try Trainer(model: trial.transformer(nil), clip: 1) }
    #expect(error?.description == "the model has no adapter to train")
  }

  @Test func recordsAreChecked() throws {
    var sequence = trial.sequence(10, seed: 1)
    sequence.tokens[3] = 259
    #expect(throws: TokenRangeError.self) { try trial.record("a", [sequence]) }
    sequence = trial.sequence(10, seed: 1)
    sequence.targets[0] = 5000
    #expect(throws: TokenRangeError.self) { try trial.record("a", [sequence]) }
    var empty = trial.sequence(10, seed: 2)
    empty.likelihood = empty.likelihood.map { _ in 0 }
    empty.unlikelihood = empty.likelihood
    let error = #expect(throws: TrainingError.self) { try trial.record("a", [empty]) }
    #expect(error?.description == "no token with a weight: there is nothing to learn from")
    let record = try trial.record("a", [empty, trial.sequence(10, seed: 3)])
    #expect(record.sequences.count == 1 && record.tokenCount == 10, "a sequence without weights is not run")
  }
}
