import Checkpoints
import Kernels
import Testing
import TinyModels
import Transformer

/// Sequences that ride along are read as by a pass of their own, and leave loss and gradient as they are.
@Suite struct RiderTests {
  private static let families: [TinyModelCase] = [.untied, .mistral, .qwen2Sliding, .qwen3, .gemma3]

  private struct Setup {
    let transformer: TransformerModel
    let adapter: Adapter
    let learned: [[Int32]]
    let riders: [[Int32]]
    let terms: [[LossTerm]]

    /// Riders that part from learned sequences within and behind them, that share rows with each other alone, that are
    /// learned sequences or begin them, and one by itself that takes more than a block of queries.
    init(_ test: TinyModelCase) throws {
      let model = try TinyModel(test.shape)
      adapter = model.adapter()
      transformer = try model.transformer(adapter)
      var generator = SplitMix64(seed: 71)
      let vocabulary = model.shape.vocabularySize
      func run(_ count: Int) -> [Int32] { generator.tokens(count, vocabulary: vocabulary) }
      let (instruction, question, response, hint) = (run(60), run(19), run(23), run(40))
      learned = [instruction + question + response, instruction + run(30), run(25)]
      riders = [
        instruction + question + hint + response, instruction + question + hint + run(20),
        instruction + question + response + run(3), Array(learned[0].dropLast(7)), learned[1], run(140),
      ]
      terms = learned.map { .random($0, vocabulary: vocabulary, &generator) }
    }

    func placed(_ layout: PackedLayout) -> [LossTerm] {
      terms.enumerated().flatMap { sequence, terms in
        terms.map { term in
          var term = term
          term.row = layout.row(sequence: sequence, position: term.row)
          return term
        }
      }
    }

    /// log p of each rider's tokens; riders are counted from `first` on.
    func logProbabilities(_ states: Matrix, _ layout: PackedLayout, first: Int) -> [Double] {
      riders.enumerated().flatMap { index, rider in
        transformer.logProbabilities(
          states, rows: rider.indices.dropLast().map { layout.row(sequence: first + index, position: $0) },
          targets: Array(rider.dropFirst())
        ).map(Double.init)
      }
    }

    struct Pass {
      var losses: [Double] = []
      var read: [Double] = []
      let gradient: Adapter
    }

    /// A pass with the riders as such, or among the learned sequences without terms of their own.
    func pass(riding: Bool, dropout: StepDropout?, budget: Int = TransformerModel.activationBudget) -> Pass {
      let layout = riding ? transformer.layout(learned, riders: riders) : transformer.layout(learned + riders)
      var pass = Pass(gradient: adapter.zeros())
      pass.losses = transformer.lossGradient(
        layout, addingTo: pass.gradient, dropout: dropout, activationBudget: budget
      ) { (states) throws(Never) in
        pass.read = logProbabilities(states, layout, first: learned.count)
        return placed(layout)
      }
      return pass
    }
  }

  @Test(arguments: families, [nil, Float(0.25)])
  func whatRidesAlongIsReadAndChangesNothing(_ family: TinyModelCase, _ rate: Float?) throws {
    let setup = try Setup(family)
    let dropout = rate.map { StepDropout(rate: $0, seed: 3) }
    let riding = setup.pass(riding: true, dropout: dropout)
    let among = setup.pass(riding: false, dropout: dropout)
    #expect(largestDifference(riding.read, among.read) < 1e-4)
    let layout = setup.transformer.layout(setup.learned)
    let expected = setup.adapter.zeros()
    let losses = setup.transformer.lossGradient(
      layout, terms: setup.placed(layout), addingTo: expected, dropout: dropout)
    #expect(largestDifference(riding.losses, losses) < 1e-4)
    for ((name, matrix), (_, reference)) in zip(riding.gradient.parameters, expected.parameters) {
      let largest = reference.doubles.map(abs).max() ?? 0
      #expect(largest > 0 && largestDifference(matrix.doubles, reference.doubles) < 1e-4 * largest, "\(name)")
    }
  }

  @Test(arguments: families) func ridersAreReadAsByAPassOfTheirOwn(_ family: TinyModelCase) throws {
    let setup = try Setup(family)
    let layout = PackedLayout(setup.riders, sharingPrefixesFrom: nil)
    let alone = setup.logProbabilities(setup.transformer.states(layout), layout, first: 0)
    #expect(largestDifference(setup.pass(riding: true, dropout: nil).read, alone) < 1e-4)
    let dropped = setup.pass(riding: true, dropout: StepDropout(rate: 0.25, seed: 3)).read
    #expect(largestDifference(dropped, alone) > 0.01, "dropout reaches what rides along")
  }

  @Test(arguments: [nil, Float(0.25)]) func theActivationBudgetChangesNothing(_ rate: Float?) throws {
    let setup = try Setup(.gemma3)
    let dropout = rate.map { StepDropout(rate: $0, seed: 3) }
    let kept = setup.pass(riding: true, dropout: dropout, budget: .max)
    let recomputed = setup.pass(riding: true, dropout: dropout, budget: 0)
    #expect(kept.losses == recomputed.losses && kept.read == recomputed.read)
    for ((name, matrix), (_, other)) in zip(kept.gradient.parameters, recomputed.gradient.parameters) {
      #expect(matrix.values == other.values, "\(name)")
    }
  }

  /// Behind the top layer's attention only what is read is computed.
  @Test(arguments: families, [nil, Float(0.25)])
  func rowsThatNobodyReadsAreLeftOut(_ family: TinyModelCase, _ rate: Float?) throws {
    let setup = try Setup(family)
    let layout = setup.transformer.layout(setup.learned, riders: setup.riders)
    let first = setup.learned.map { $0.count * 2 / 3 } + setup.riders.map { $0.count - 6 }
    let rows = layout.rows(from: first)
    let terms = setup.placed(layout).filter { rows.contains($0.row) }
    struct Pass {
      var losses: [Double] = []
      var read: [Double] = []
      var unread: [Double] = []
      let gradient: Adapter
    }
    func pass(reading: [Int]?) -> Pass {
      var pass = Pass(gradient: setup.adapter.zeros())
      let dropout = rate.map { StepDropout(rate: $0, seed: 3) }
      pass.losses = setup.transformer.lossGradient(
        layout, reading: reading, addingTo: pass.gradient, dropout: dropout
      ) { (states) throws(Never) in
        pass.read = rows.flatMap { row in (0..<states.columns).map { Double(states[row, $0]) } }
        pass.unread = (0..<layout.rows).filter { !rows.contains($0) }.map { Double(states[$0, 0]) }
        return terms
      }
      return pass
    }
    let (some, all) = (pass(reading: rows), pass(reading: nil))
    #expect(rows.count < layout.rows / 2 && terms.count > 10)
    #expect(some.unread.allSatisfy(\.isNaN) && !all.unread.contains(where: \.isNaN))
    #expect(largestDifference(some.read, all.read) < 1e-4)
    #expect(largestDifference(some.losses, all.losses) < 1e-4)
    for ((name, matrix), (_, reference)) in zip(some.gradient.parameters, all.gradient.parameters) {
      let largest = reference.doubles.map(abs).max() ?? 0
      #expect(largest > 0 && largestDifference(matrix.doubles, reference.doubles) < 1e-4 * largest, "\(name)")
    }
  }

  @Test func rowsAreReadFromAPositionOn() {
    let layout = PackedLayout([[1, 2, 3, 4], [1, 2, 5]], riders: [[1, 2, 3, 4, 6, 7]], sharingPrefixesFrom: 1)
    #expect(layout.rows(from: [3, 2, 5]).map { layout.tokens[$0] }.sorted() == [4, 5, 7])
    #expect(layout.rows(from: [1, 3, 6]).map { layout.tokens[$0] }.sorted() == [2, 3, 4])
    #expect(layout.rows(from: [0, 0, 0]) == Array(0..<layout.rows))
  }

  private struct Refusal: Error {}

  @Test func withoutTermsNothingIsLearned() throws {
    let setup = try Setup(.untied)
    let layout = setup.transformer.layout(setup.learned, riders: setup.riders)
    let gradient = setup.adapter.zeros()
    #expect(setup.transformer.lossGradient(layout, terms: [], addingTo: gradient) == [])
    #expect(throws: Refusal.self) {
      try setup.transformer.lossGradient(layout, addingTo: gradient) { (_) throws(Refusal) in throw Refusal() }
    }
    #expect(gradient.parameters.allSatisfy { $0.matrix.values.allSatisfy { $0 == 0 } })
  }
}
