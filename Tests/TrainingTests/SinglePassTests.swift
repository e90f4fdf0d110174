import Checkpoints
import Judging
import Kernels
import Records
import Saliency
import Tensors
import Testing
import TinyModels
import Training
import Transformer

/// Scores from the pass that is differentiated.
@Suite struct SinglePassTests {
  private let trial: Trial

  init() throws { trial = try Trial() }

  private static let scoring = LossMethod.allCases.filter(\.needsScores)

  private func tokens(_ count: Int, seed: UInt64) -> [Int32] {
    var generator = SplitMix64(seed: SplitMix64.mixed(seed))
    return generator.tokens(count, vocabulary: trial.model.shape.vocabularySize)
  }

  /// One instruction for all, three prompts that go on from the same question, odd ones incorrect.
  private func judged(_ index: Int, length: Int = 14) -> ScoredRecord {
    let seed = UInt64(1000 + index * 10)
    let prompt = tokens(40, seed: 1) + tokens(18 + index % 3, seed: seed)
    return ScoredRecord(
      id: "r\(index)", isIncorrect: index % 2 == 1, basePrompt: prompt,
      response: tokens(length + index, seed: seed + 1),
      answer: tokens(9, seed: seed + 2), standardPrompt: prompt + tokens(17, seed: seed + 3),
      judgePrompt: prompt + tokens(5, seed: seed + 4))
  }

  private func builder(
    _ method: LossMethod, _ change: (inout SaliencyConstants) -> Void = { _ in }
  ) throws -> LossBuilder {
    var constants = method.preset
    (constants.threshold, constants.ratioBase, constants.ratioStandard, constants.floor) = (0.01, 1, 1, 0)
    constants.share = 1
    change(&constants)
    return try LossBuilder(method: method, constants: constants)
  }

  private func records(
    _ model: TransformerModel, _ builder: LossBuilder, single: Bool, _ judged: [ScoredRecord]
  ) throws -> LiveRecords {
    var live = LiveRecords(model: model, builder: builder, hidden: .f16, singlePass: single)
    for record in judged { try live.append(record) }
    return live
  }

  private struct Outcome {
    var weights: [Float] = []
    var metrics: [StepMetrics] = []
  }

  private struct Run {
    var single = true
    var dropout: Float = 0
    var microBatch: Int?
    var steps = 4
    var plain = false
  }

  private func train(
    _ run: Run, _ builder: LossBuilder, _ judged: [ScoredRecord], _ communicator: any Communicator = SingleProcess()
  ) throws -> Outcome {
    let adapter = trial.model.adapter(dropout: Double(run.dropout))
    // Threads cannot share what computes.
    let model = TransformerModel(
      checkpoint: try trial.model.checkpoint(), adapter: adapter,
      products: try Products(threads: communicator.size > 1 ? 1 : 2, plain: run.plain))
    let group = RankGroup(communicator)
    let source = try records(model, builder, single: run.single, judged)
    var trainer = try Trainer(model: model, clip: 1, microBatch: run.microBatch, ranks: group)
    let order = TrainingOrder(.shuffled, count: source.count, batch: 4, epochs: 3, seed: 3)
    var outcome = Outcome()
    for step in 0..<run.steps {
      let share = try group.share(of: order.records(step: step).indices, from: source, model: model)
      let dropout = run.dropout > 0 ? StepDropout(rate: run.dropout, seed: UInt64(step)) : nil
      outcome.metrics.append(try trainer.step(share, learningRate: 0.01, dropout: dropout))
    }
    outcome.weights = adapter.values
    return outcome
  }

  private func expectSame(_ found: Outcome, _ expected: Outcome, _ comment: Comment = "") {
    let largest = expected.weights.map(abs).max() ?? 0
    let difference = zip(found.weights, expected.weights).map { abs($0 - $1) }.max() ?? .infinity
    // AdamW divides by what may be nearly nothing, which enlarges float32's rounding.
    #expect(difference < 2e-4 * largest, comment)
    #expect(found.metrics.count == expected.metrics.count, comment)
    for (one, other) in zip(found.metrics, expected.metrics) {
      #expect(one.step == other.step && one.tokens == other.tokens, comment)
      #expect(one.ids == other.ids && one.weightless == other.weightless, comment)
      #expect(abs(one.loss - other.loss) <= 1e-4 * abs(other.loss), comment)
      #expect(abs(one.gradientNorm - other.gradientNorm) <= 1e-3 * other.gradientNorm, comment)
    }
  }

  /// Seven records in batches of four: whole, in passes of two, and without shared prefixes.
  @Test(arguments: scoring) func withoutDropoutItIsScoringFirst(_ method: LossMethod) throws {
    let judged = (0..<7).map { self.judged($0) }
    let terms = method == .nlft ? [.off, .aligned] : [method.preset.judgeTerm]
    for term in terms {
      let builder = try builder(method) { $0.judgeTerm = term }
      let first = try train(Run(single: false), builder, judged)
      let single = try train(Run(), builder, judged)
      expectSame(single, first, "\(term)")
      for (one, other) in zip(single.metrics, first.metrics) {
        #expect(method == .dft ? one.rows == other.rows : one.rows > other.rows, "riders are counted")
      }
      expectSame(try train(Run(microBatch: 2), builder, judged), first, "passes of two")
      expectSame(try train(Run(plain: true), builder, judged), first, "plain")
    }
  }

  /// Clusters and suppressed tokens are among what the runs learn from.
  @Test func theCaseHasTokensOfAllClasses() throws {
    let model = trial.transformer(trial.model.adapter())
    let builder = try builder(.nlft)
    let live = try records(model, builder, single: false, (0..<7).map { judged($0) })
    let sequences = try live.losses(of: Array(0..<7)).records.flatMap(\.sequences)
    #expect(sequences.contains { $0.unlikelihood.contains { $0 > 0 } })
    #expect(Set(sequences.flatMap(\.likelihood)).count > 50)
  }

  /// Incorrect records, all of whose tokens are salient but not suppressed, have no weight; one batch has no other.
  @Test(arguments: [1, 2, 3]) func weightlessRecords(_ ranks: Int) throws {
    let builder = try builder(.nlft) {
      ($0.ratioBase, $0.ratioStandard, $0.share, $0.unlikelihoodScale, $0.answerTerm) = (0, 0, 0, 0, 0)
    }
    var judged = (0..<7).map { self.judged($0) }
    for index in [0, 2, 4] { judged[index].isIncorrect = true }
    let first = try train(Run(single: false, steps: 6), builder, judged)
    #expect(first.metrics.contains { $0.ids.isEmpty } && first.metrics.contains { $0.ids.count == 1 })
    #expect(first.metrics.allSatisfy { $0.ids.count + $0.weightless.count >= 3 })
    let outcomes = ThreadRanks(ranks).run { try self.train(Run(steps: 6), builder, judged, $0) }
    for outcome in outcomes { expectSame(try outcome.get(), first) }
  }

  @Test(arguments: [2, 3, 5]) func anyNumberOfRanks(_ size: Int) throws {
    let judged = (0..<7).map { self.judged($0) }
    let builder = try builder(.nlftReference)
    let alone = try train(Run(dropout: 0.1), builder, judged)
    let outcomes = try ThreadRanks(size).run { try self.train(Run(dropout: 0.1), builder, judged, $0) }
      .map { try $0.get() }
    for outcome in outcomes {
      expectSame(outcome, alone)
      #expect(outcome.weights == outcomes[0].weights && outcome.metrics == outcomes[0].metrics)
    }
  }

  @Test(arguments: scoring) func withDropoutScoresHaveIt(_ method: LossMethod) throws {
    let judged = (0..<7).map { self.judged($0) }
    let builder = try builder(method)
    let one = try train(Run(dropout: 0.3), builder, judged)
    let again = try train(Run(dropout: 0.3), builder, judged)
    #expect(one.weights == again.weights && one.metrics == again.metrics)
    let first = try train(Run(single: false, dropout: 0.3), builder, judged)
    #expect(one.metrics[0].ids == first.metrics[0].ids)
    #expect(abs(one.metrics[0].loss - first.metrics[0].loss) > 1e-3 * first.metrics[0].loss)
    // A record's masks and scores are its own, whatever else is in the pass.
    let parts = try train(Run(dropout: 0.3, microBatch: 1), builder, judged)
    expectSame(parts, one)
  }

  /// Two records fit into a pass with what is only read of them, so that the two that are alike do not meet; without
  /// that all four would fit.
  @Test func ridersCountForARowLimit() throws {
    func judged(_ name: UInt64, _ id: String) -> ScoredRecord {
      ScoredRecord(
        id: id, isIncorrect: false, basePrompt: tokens(1400, seed: name * 10),
        response: tokens(101, seed: name * 10 + 1), standardPrompt: tokens(1400, seed: name * 10 + 2))
    }
    let model = trial.transformer(trial.model.adapter())
    let builder = try builder(.nlft) { $0.correctAnswerTerm = 0 }
    let source = try records(
      model, builder, single: true, [judged(1, "a"), judged(2, "b"), judged(3, "c"), judged(1, "d")])
    var trainer = try Trainer(model: model, clip: 1)
    let share = try RankGroup(SingleProcess()).share(of: [0, 1, 2, 3], from: source, model: model)
    let metrics = try trainer.step(share, learningRate: 0)
    #expect(metrics.rows == 4 * 3000 && metrics.tokens == 4 * 1500 && metrics.ids == ["a", "b", "c", "d"])
  }

  @Test func methodsWithoutScoresHaveTheirLossesAtOnce() throws {
    let judged = [self.judged(0), self.judged(2)]
    for method in LossMethod.allCases {
      let live = try records(trial.transformer(trial.model.adapter()), builder(method), single: true, judged)
      #expect((live.liveBatch(of: [0, 1]) != nil) == method.needsScores, "\(method)")
    }
    let live = try records(trial.transformer(trial.model.adapter()), builder(.nlft), single: false, judged)
    #expect(live.liveBatch(of: [0, 1]) == nil)
  }

  /// An adapter that has diverged is found out by its scores, on all ranks.
  @Test(arguments: [1, 2]) func scoresThatAreNotFinite(_ ranks: Int) throws {
    let outcomes = ThreadRanks(ranks).run { communicator in
      let adapter = self.trial.model.adapter()
      adapter.layers[1][.down]?.b[0, 0] = .nan
      let model = TransformerModel(
        checkpoint: try self.trial.model.checkpoint(), adapter: adapter, products: try Products(threads: 1))
      let source = try self.records(model, self.builder(.nlft), single: true, (0..<3).map { self.judged($0) })
      let group = RankGroup(communicator)
      var trainer = try Trainer(model: model, clip: 1, ranks: group)
      let share = try group.share(of: [2, 0, 1], from: source, model: model)
      let error = #expect(throws: TrainingError.self) { try trainer.step(share, learningRate: 0.01) }
      let words = error?.description ?? ""
      #expect(words.hasPrefix("id \"r") && words.hasSuffix("; the adapter is left as it was"), "\(words)")
      #expect(words.contains("\": \"logprob.base\" has nan at token 0, expected a finite number"), "\(words)")
      #expect(trainer.optimizer.steps == 0)
    }
    for outcome in outcomes { try outcome.get() }
  }

  /// A gradient that is not finite names its record.
  @Test func gradientsThatAreNotFinite() throws {
    let adapter = trial.model.adapter()
    let before = adapter.values
    let model = trial.transformer(adapter)
    let builder = try builder(.cut) { $0.factor = 3e38 }
    let source = try records(model, builder, single: true, [judged(0, length: 1)])
    var trainer = try Trainer(model: model, clip: 1)
    let share = try RankGroup(SingleProcess()).share(of: [0], from: source, model: model)
    let error = #expect(throws: TrainingError.self) { _ = try trainer.step(share, learningRate: 0.01) }
    let words = error?.description ?? ""
    #expect(words.hasPrefix("id \"r0\": the gradient of base_model.model.model.layers."), "\(words)")
    let isUntouched = adapter.values == before
    #expect(isUntouched && trainer.optimizer.steps == 0)
  }

  /// With dropout, runs of the two kinds are different ones.
  @Test func theFingerprintTellsRunsApart() throws {
    let order = TrainingOrder(.stream, count: 1, batch: 2, epochs: 1, seed: 1)
    func fingerprint(_ method: LossMethod, dropout: Double, single: Bool) throws -> String {
      let model = trial.transformer(trial.model.adapter(dropout: dropout))
      return order.fingerprint(records: try records(model, builder(method), single: single, [judged(0)]))
    }
    let first = try fingerprint(.nlft, dropout: 0.1, single: false)
    #expect(try fingerprint(.nlft, dropout: 0.1, single: true) != first)
    #expect(try fingerprint(.nlft, dropout: 0, single: true) == first, "where the scores are the same, so is the run")
    #expect(try fingerprint(.nlft, dropout: 0, single: false) == first)
    #expect(
      try fingerprint(.sft, dropout: 0.1, single: true) == fingerprint(.sft, dropout: 0.1, single: false))
  }
}
