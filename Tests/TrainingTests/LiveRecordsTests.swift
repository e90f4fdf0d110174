import Judging
import Kernels
import Records
import Saliency
import Tensors
import Testing
import TinyModels
import Training
import Transformer

/// Losses of the moment are those of the scores of the moment.
@Suite struct LiveRecordsTests {
  private let trial: Trial

  init() throws { trial = try Trial() }

  private func tokens(_ count: Int, seed: UInt64) -> [Int32] {
    var generator = SplitMix64(seed: SplitMix64.mixed(seed))
    return generator.tokens(count, vocabulary: trial.model.shape.vocabularySize)
  }

  private func judged(_ index: Int, length: Int = 12) -> ScoredRecord {
    let seed = UInt64(index * 10)
    return ScoredRecord(
      id: "r\(index)", isIncorrect: index % 2 == 1, basePrompt: tokens(20, seed: seed),
      response: tokens(length, seed: seed + 1), answer: tokens(9, seed: seed + 2),
      standardPrompt: tokens(30, seed: seed + 3), judgePrompt: tokens(40, seed: seed + 4))
  }

  private func builder(_ method: LossMethod) throws -> LossBuilder {
    var constants = method.preset
    (constants.threshold, constants.ratioBase, constants.ratioStandard, constants.floor) = (0.01, 1, 1, 0)
    constants.share = 1
    return try LossBuilder(method: method, constants: constants)
  }

  @Test(arguments: LossMethod.allCases) func lossesAreThoseOfTheScores(_ method: LossMethod) throws {
    let adapter = trial.model.adapter()
    let model = trial.transformer(adapter)
    let builder = try builder(method)
    var live = LiveRecords(model: model, builder: builder, hidden: .f16)
    let records = (0..<6).map { judged($0) }.filter { !(method == .distillCorrect && $0.isIncorrect) }
    for record in records { try live.append(record) }
    #expect(live.count == records.count && live.settings == [builder.settings])
    func expected() throws -> [TrainingRecord] {
      try records.map { record in
        let request = ScoringRequest(
          base: record.basePrompt ?? [], standard: record.standardPrompt,
          judge: record.isIncorrect ? record.judgePrompt : nil, output: record.response ?? [])
        let scores = ResponseScorer(model: model, hidden: .f16).score([request])[0]
        var scored = record
        let file = try TensorFile(parsing: scores.file.encoded(), source: "")
        scored.scores = try ScoresFrame(parsing: file, source: "")
        return try TrainingRecord(id: record.id, frame: builder.loss(for: scored), model: model)
      }
    }
    func expectSame(_ found: [TrainingRecord], _ expected: [TrainingRecord]) {
      #expect(found.map(\.id) == expected.map(\.id))
      for (one, other) in zip(found.flatMap(\.sequences), expected.flatMap(\.sequences)) {
        #expect(one.tokens == other.tokens && one.positions == other.positions && one.targets == other.targets)
        let differences = zip(one.likelihood + one.unlikelihood, other.likelihood + other.unlikelihood)
          .map { abs($0 - $1) }
        #expect(differences.allSatisfy { $0 < 1e-4 })
      }
    }
    let before = try expected()
    let found = try live.losses(of: Array(records.indices))
    #expect(found.weightless == [])
    expectSame(found.records, before)
    expectSame(try live.losses(of: [2, 0]).records, [before[2], before[0]])
    // The adapter moves, and the weights with it.
    var trainer = try trial.trainer(adapter)
    for _ in 0..<3 { _ = try trainer.step(found.records, learningRate: 0.05) }
    let after = try expected()
    expectSame(try live.losses(of: Array(records.indices)).records, after)
    let weights = [before, after].map { $0.flatMap(\.sequences).flatMap(\.likelihood) }
    #expect((weights[0] != weights[1]) == method.needsScores)
  }

  /// More than goes into one scoring pass.
  @Test func manyRecordsAreScoredInSeveralPasses() throws {
    let model = trial.transformer(trial.model.adapter())
    var live = LiveRecords(model: model, builder: try builder(.dft), hidden: .f16)
    for index in 0..<5 { try live.append(judged(index, length: 1200)) }
    let together = try live.losses(of: [0, 1, 2, 3, 4]).records
    for index in 0..<5 {
      let alone = try #require(try live.losses(of: [index]).records.first)
      #expect(alone.id == together[index].id)
      for (one, other) in zip(alone.sequences[0].likelihood, together[index].sequences[0].likelihood) {
        #expect(abs(one - other) < 1e-6)
      }
    }
  }

  @Test func passesTakeEveryRequestOnce() throws {
    let scorer = ResponseScorer(model: trial.transformer(nil), hidden: .none)
    func request(_ length: Int, _ seed: UInt64) -> ScoringRequest {
      ScoringRequest(base: tokens(length, seed: seed), standard: nil, judge: nil, output: [5])
    }
    #expect(scorer.passes([]) == [])
    #expect(scorer.passes([request(5000, 1)]) == [0..<1])
    let lengths = [2000, 2000, 2000, 5000, 10, 10]
    let requests = lengths.enumerated().map { request($0.element, UInt64($0.offset)) }
    #expect(scorer.passes(requests) == [0..<2, 2..<3, 3..<4, 4..<6])
    #expect(scorer.passes(Array(repeating: requests[0], count: 9)) == [0..<9], "what is shared has its rows once")
  }

  @Test func whatIsRefused() throws {
    func refusal(_ method: LossMethod, _ change: (inout ScoredRecord) -> Void) throws -> String {
      var live = LiveRecords(model: trial.transformer(nil), builder: try builder(method), hidden: .f16)
      var record = judged(1)
      change(&record)
      let error = #expect(throws: (any Error).self) { try live.append(record) }
      #expect(live.count == 0)
      return error.map { "\($0)" } ?? ""
    }
    #expect(try refusal(.nlft) { $0.judgePrompt = nil }.hasPrefix("an incorrect record without a critique"))
    #expect(try refusal(.nlft) { $0.standardPrompt = nil } == "has no \"tokens.standard\"")
    #expect(try refusal(.nlft) { $0.answer = nil } == "has no \"tokens.answer\"")
    #expect(try refusal(.nlft) { $0.answer = [5000] }.contains("outside the model's vocabulary"))
    #expect(try refusal(.cut) { $0.response = [] } == "\"tokens.output\" is empty")
    #expect(try refusal(.dft) { $0.basePrompt = [5000] }.contains("outside the model's vocabulary"))
    #expect(try refusal(.sft) { $0.answer = [5000] }.contains("outside the model's vocabulary"))
    let long = tokens(2040, seed: 1)
    for (method, field) in [
      (LossMethod.dft, \ScoredRecord.response), (.distill, \.response), (.sft, \.answer), (.nlft, \.answer),
    ] {
      #expect(
        try refusal(method) { $0[keyPath: field] = long }.contains("expected at most the model's context of 2048"))
    }
    #expect(try refusal(.distillCorrect) { _ in } == "distill-correct leaves incorrect records out")
    var live = LiveRecords(model: trial.transformer(nil), builder: try builder(.cut), hidden: .f16)
    var record = judged(1)
    record.standardPrompt = nil
    record.answer = nil
    try live.append(record)
    #expect(live.count == 1, "what the method does not read may be missing")
  }

  @Test func theFingerprintTellsRunsApart() throws {
    let order = TrainingOrder(.stream, count: 2, batch: 2, epochs: 1, seed: 1)
    func fingerprint(
      _ method: LossMethod = .nlft, hidden: ResponseScorer.HiddenStates = .f16, factor: Double = 10,
      _ change: (inout ScoredRecord) -> Void = { _ in }
    ) throws -> String {
      var constants = method.preset
      constants.factor = factor
      var live = LiveRecords(
        model: trial.transformer(nil), builder: try LossBuilder(method: method, constants: constants), hidden: hidden)
      var first = judged(1)
      change(&first)
      for record in [first, judged(2)] { try live.append(record) }
      return order.fingerprint(records: live)
    }
    let expected = try fingerprint()
    #expect(try fingerprint() == expected)
    let others = [
      try fingerprint(.nlftReference), try fingerprint(factor: 9), try fingerprint(hidden: .f32),
      try fingerprint { $0.id = "x" }, try fingerprint { $0.isIncorrect = false },
      try fingerprint { $0.basePrompt?[3] ^= 1 }, try fingerprint { $0.standardPrompt?[3] ^= 1 },
      try fingerprint { $0.judgePrompt?[3] ^= 1 }, try fingerprint { $0.response?[3] ^= 1 },
    ]
    #expect(Set(others + [expected]).count == others.count + 1)
  }
}
