import Records
import Saliency
import SaliencyCases
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct LossBuilderTests {
  static func logarithms(_ values: [Double]) -> [Float] { values.map { Float(log($0)) } }

  /// Base prompt of three tokens, response of two.
  static let record = ScoredRecord(
    id: "a7", isIncorrect: false, basePrompt: [1, 2, 3], response: [8, 9], answer: [5, 6, 7, 9],
    judgePrompt: [1, 2, 3, 4, 4],
    scores: ScoresFrame(
      origin: FrameOrigin(id: "a7", model: "00ff"), tokens: [8, 9], base: logarithms([0.4, 0.3]),
      standard: logarithms([0.5, 0.25]), judge: logarithms([0.8, 0.3]),
      hidden: ScoresFrame.Hidden(values: [1, 0, 0, 1], dimension: 2)))

  static func loss(
    _ method: LossMethod, incorrect: Bool = false, record change: (inout ScoredRecord) -> Void = { _ in },
    constants: ((inout SaliencyConstants) -> Void)? = nil
  ) throws -> LossFrame {
    var changed = record
    changed.isIncorrect = incorrect
    change(&changed)
    var chosen = method.preset
    constants?(&chosen)
    return try LossBuilder(method: method, constants: chosen).loss(for: changed)
  }

  @Test func supervisedOnTheAnswer() throws {
    let frame = try Self.loss(.sft)
    #expect(
      frame.sequences == [
        LossSequence(
          tokens: [1, 2, 3, 5, 6, 7, 9], positions: [2, 3, 4, 5], targets: [5, 6, 7, 9],
          likelihood: [0.25, 0.25, 0.25, 0.25], unlikelihood: [0, 0, 0, 0])
      ])
    #expect(frame.classes == [.plain, .plain, .plain, .plain] && frame.origin == FrameOrigin(id: "a7"))
    #expect(
      frame.summary.text == #"{"tokens":4,"salient":0,"cluster":0,"plain":4,"likelihood":1.0,"unlikelihood":0.0}"#)
    #expect(try Self.loss(.sft, constants: { $0.factor = 10 }).sequences[0].likelihood == [2.5, 2.5, 2.5, 2.5])
    #expect(try Self.loss(.sft, incorrect: true).sequences == frame.sequences)
  }

  @Test func distillationAndItsKinds() throws {
    let output = try Self.loss(.distill, incorrect: true)
    #expect(
      output.sequences == [
        LossSequence(
          tokens: [1, 2, 3, 8, 9], positions: [2, 3], targets: [8, 9], likelihood: [0.5, 0.5], unlikelihood: [0, 0])
      ])
    #expect(try Self.loss(.distillCorrect).sequences == output.sequences)
    #expect(try Self.loss(.distillCleaned).sequences == output.sequences)
    #expect(try Self.loss(.distillCleaned, incorrect: true).sequences == Self.loss(.sft).sequences)
    let error = try #require(throws: SaliencyError.self) { try Self.loss(.distillCorrect, incorrect: true) }
    #expect(error.kind == .leftOut)
    #expect(try Self.loss(.distill) { $0.scores = nil } == output, "no scores are needed")
  }

  @Test func theOtherArms() throws {
    let cut = try Self.loss(.cut, incorrect: true)
    #expect(cut.classes == [.salient, .plain])
    #expect(cut.sequences[0].likelihood == [0, 0.5] && cut.sequences[0].unlikelihood == [0.25, 0])
    #expect(try Self.loss(.cut).sequences == Self.loss(.distill).sequences)
    #expect(try Self.loss(.cut) { $0.scores?.judge = nil }.classes == [.plain, .plain])
    let dynamic = try Self.loss(.dft)
    #expect(relativeDifference(dynamic.sequences[0].likelihood, [0.2, 0.15]) < 1e-6)
  }

  /// As in `TokenWeightsTests`: 2σ(0.5) = 1.2449187, (0.5/0.95)^0.6 = 0.6803742, (0.25/0.95)^0.6 = 0.4488796.
  @Test func naturalLanguageFineTuning() throws {
    let correct = try Self.loss(.nlft)
    #expect(relativeDifference(correct.sequences[0].likelihood, [5 * 1.6803742, 5 * 1.4488796]) < 2e-6)
    #expect(correct.origin == FrameOrigin(id: "a7", model: "00ff"))
    let incorrect = try Self.loss(.nlft, incorrect: true)
    #expect(incorrect.classes == [.salient, .plain])
    #expect(incorrect.sequences.count == 2, "the preset has no judge term, but the standard answer")
    #expect(incorrect.sequences[0].positions == [2], "the plain token has no weight, as half of the tokens are salient")
    #expect(incorrect.sequences[0].targets == [8] && incorrect.sequences[0].likelihood == [0])
    #expect(relativeDifference(incorrect.sequences[0].unlikelihood, [5 * 1.2449187]) < 1e-6)
    // The frame survives its file.
    let read = try LossFrame(parsing: TensorFile(parsing: incorrect.file.encoded(), source: ""), source: "")
    #expect(read == incorrect)
  }

  @Test func theJudgeTerm() throws {
    let aligned = try Self.loss(.nlft, incorrect: true, constants: { $0.judgeTerm = .aligned }).sequences[1]
    #expect(
      aligned
        == LossSequence(
          tokens: [1, 2, 3, 4, 4, 8, 9], positions: [4, 5], targets: [8, 9], likelihood: [5, 5], unlikelihood: [0, 0]))
    let misaligned = try Self.loss(.nlftReference, incorrect: true).sequences[1]
    #expect(misaligned.tokens == aligned.tokens && misaligned.targets == aligned.targets)
    #expect(misaligned.positions == [2, 3], "the positions of the base sequence")
    // A judge prompt so much shorter that base positions lie beyond the judge sequence's end.
    let short = try Self.loss(.nlftReference, incorrect: true) { $0.judgePrompt = [1] }.sequences[1]
    #expect(short.tokens == [1, 8, 9] && short.positions == [2] && short.targets == [8] && short.likelihood == [5])
    let none = try Self.loss(.nlftReference, incorrect: true) {
      $0.basePrompt = [1, 2, 3, 4, 5]
      $0.judgePrompt = [1]
    }
    #expect(none.sequences.count == 1)
    #expect(try Self.loss(.nlftReference).sequences.count == 1, "correct responses have none")
  }

  /// The standard answer is a sequence of its own; the preset has it for every record, the published method for none.
  @Test(arguments: [false, true]) func theAnswerTerms(_ incorrect: Bool) throws {
    let frame = try Self.loss(.nlft, incorrect: incorrect)
    #expect(frame.sequences.count == 2)
    #expect(
      frame.sequences[1]
        == LossSequence(
          tokens: [1, 2, 3, 5, 6, 7, 9], positions: [2, 3, 4, 5], targets: [5, 6, 7, 9], likelihood: [5, 5, 5, 5],
          unlikelihood: [0, 0, 0, 0]))
    func count(_ method: LossMethod, ofIncorrect: Double, ofCorrect: Double) throws -> Int {
      try Self.loss(
        method, incorrect: incorrect,
        constants: {
          $0.answerTerm = ofIncorrect
          $0.correctAnswerTerm = ofCorrect
        }
      ).sequences.count
    }
    #expect(try count(.nlft, ofIncorrect: 0, ofCorrect: 0) == 1)
    #expect(try count(.nlft, ofIncorrect: 1, ofCorrect: 0) == (incorrect ? 2 : 1))
    #expect(try count(.nlft, ofIncorrect: 0, ofCorrect: 1) == (incorrect ? 1 : 2))
    #expect(try count(.nlftReference, ofIncorrect: 1, ofCorrect: 1) == (incorrect ? 3 : 2))
    #expect(try count(.cut, ofIncorrect: 1, ofCorrect: 1) == 1, "cut reads neither")
    #expect(try Self.loss(.nlftReference, incorrect: incorrect).sequences.count == (incorrect ? 2 : 1))
  }

  @Test func whatIsRefused() throws {
    func error(
      _ method: LossMethod, incorrect: Bool = false, constants: ((inout SaliencyConstants) -> Void)? = nil,
      _ change: (inout ScoredRecord) -> Void
    ) throws -> String {
      try #require(throws: SaliencyError.self) {
        try Self.loss(method, incorrect: incorrect, record: change, constants: constants)
      }.description
    }
    #expect(try error(.sft) { $0.answer = nil } == "has no \"tokens.answer\"")
    #expect(try error(.distill) { $0.response = [] } == "\"tokens.output\" is empty")
    #expect(try error(.distill) { $0.basePrompt = [] } == "\"tokens.base\" is empty")
    #expect(try error(.distill) { $0.basePrompt = [1, -1] } == "\"tokens.base\" has the token -1")
    #expect(try error(.nlft) { $0.scores = nil } == "has no \"scores\"")
    #expect(try error(.nlft) { $0.id = "b" } == "the scores frame belongs to id \"a7\"")
    #expect(try error(.nlft) { $0.response = [8] } == "\"tokens.output\" has 1 tokens, but 2 were scored")
    #expect(try error(.nlft) { $0.response = [8, 7] } == "\"tokens.output\" has 7 at 1, but 9 was scored")
    #expect(try error(.nlft) { $0.scores?.standard = nil }.hasPrefix("no standard answer was scored"))
    #expect(try error(.nlft) { $0.scores?.hidden = nil }.hasPrefix("clustering needs hidden states"))
    #expect(
      try error(.nlft) { $0.scores?.hidden?.values[3] = .nan } == "\"hidden.base\" has nan at token 1")
    #expect(try error(.nlft) { $0.scores?.hidden?.dimension = 3 }.contains("expected 2 states of 3"))
    #expect(try error(.nlft) { $0.scores?.base?[1] = 0.1 }.contains("at token 1, expected a finite number"))
    for method in [LossMethod.nlft, .nlftReference, .cut] {
      let reason = try error(method, incorrect: true) { $0.scores?.judge = nil }
      #expect(reason.hasPrefix("an incorrect record without a critique"))
    }
    #expect(
      try error(.nlftReference, incorrect: true) { $0.judgePrompt = nil } == "has no \"tokens.judge\"")
    #expect(try error(.nlft) { $0.answer = nil } == "has no \"tokens.answer\"")
    let withoutWeights = { (constants: inout SaliencyConstants) in
      constants.unlikelihoodScale = 0
      constants.answerTerm = 0
    }
    #expect(try error(.nlft, incorrect: true, constants: withoutWeights) { _ in } == "no token with a weight")
    let unclustered = try Self.loss(.nlft, record: { $0.scores?.hidden = nil }, constants: { $0.clustering = .off })
    #expect(unclustered.sequences.count == 2)
    #expect(try Self.loss(.nlft) { $0.scores?.origin.id = nil }.origin.id == "a7", "an absent id is not checked")
  }

  /// A method reads the probabilities under the prompts that it names, and no others.
  @Test(arguments: LossMethod.allCases, [false, true])
  func promptsThatAreScored(_ method: LossMethod, _ incorrect: Bool) throws {
    let builder = try LossBuilder(method: method)
    let prompts = builder.prompts(isIncorrect: incorrect)
    #expect((prompts != nil) == method.needsScores)
    guard let prompts else { return }
    let whole = try Self.loss(method, incorrect: incorrect)
    func without(_ change: (inout ScoredRecord) -> Void) throws -> LossFrame? {
      do { return try Self.loss(method, incorrect: incorrect, record: change) } catch let error as SaliencyError {
        #expect(error.kind == .record)
        return nil
      }
    }
    #expect(try without { $0.scores?.standard = nil } == (prompts.standard ? nil : whole))
    #expect(try without { $0.scores?.judge = nil } == (prompts.judge ? nil : whole))
  }

  /// What a loss may reach is told before there are scores.
  @Test(
    arguments: LossMethod.allCases.filter(\.needsScores).flatMap { method in
      [false, true].flatMap { incorrect in
        [SaliencyConstants.JudgeTerm.off, .aligned, .reference].map { (method, incorrect, $0) }
      }
    })
  func noLossReachesFurtherThanItIsToldTo(
    _ method: LossMethod, _ incorrect: Bool, _ term: SaliencyConstants.JudgeTerm
  ) throws {
    var constants = method.preset
    (constants.judgeTerm, constants.share) = (term, 1)
    let builder = try LossBuilder(method: method, constants: constants)
    var record = Self.record
    record.isIncorrect = incorrect
    let loss = try builder.loss(for: record)
    record.scores = nil
    let told = try builder.reach(of: record)
    let reach = told.map(\.tokens)
    var expected: [[Int32]] = [[1, 2, 3, 8]]
    if incorrect, method == .nlft || method == .nlftReference, term != .off {
      expected.append(term == .aligned ? [1, 2, 3, 4, 4, 8] : [1, 2, 3, 4])
    }
    if method == .nlft { expected.append([1, 2, 3, 5, 6, 7]) }
    #expect(reach == expected)
    for sequence in loss.sequences {
      let last = try #require(sequence.positions.max())
      let first = try #require(sequence.positions.min())
      #expect(told.contains { $0.tokens.starts(with: sequence.tokens.prefix(Int(last) + 1)) && $0.first <= first })
    }
    record.response = nil
    #expect(throws: SaliencyError.self) { try builder.reach(of: record) }
  }

  @Test func constantsOutsideTheirRange() {
    let changes: [(inout SaliencyConstants) -> Void] = [
      { $0.threshold = 1 }, { $0.threshold = .nan }, { $0.powers.plain = -1 }, { $0.factor = 0 },
      { $0.floor = .infinity },
      { $0.centre = .nan }, { $0.share = -0.1 },
    ]
    for change in changes {
      var constants = SaliencyConstants.nlft
      change(&constants)
      let error = #expect(throws: SaliencyError.self) { try LossBuilder(method: .nlft, constants: constants) }
      #expect(error?.kind == .constant)
    }
    #expect(LossMethod.nlft.preset.factor == 10 && LossMethod.nlftReference.preset.factor == 10)
    #expect(LossMethod.sft.preset.factor == 1)
    #expect(SaliencyConstants.reference.clustering == .far && SaliencyConstants.reference.judgeTerm == .reference)
  }
}
