import Checkpoints
import Kernels
import Testing
import TinyModels
import Transformer

/// However sequences are packed, they get the same states, losses and gradients.
@Suite struct PackingTests {
  private let model: TinyModel
  private let transformer: TransformerModel
  private let adapter: Adapter
  private let sequences: [[Int32]]
  private let terms: [[LossTerm]]

  /// One long instruction with questions below it, three prompts with the same response, duplicates, one sequence the
  /// prefix of another, and one alone that takes more than a block of queries.
  init() throws {
    model = try TinyModel(TinyModelCase.untied.shape)
    adapter = model.adapter()
    transformer = try model.transformer(adapter)
    var generator = SplitMix64(seed: 70)
    let vocabulary = model.shape.vocabularySize
    let instruction = generator.tokens(141, vocabulary: vocabulary)
    let question = generator.tokens(19, vocabulary: vocabulary)
    let response = generator.tokens(23, vocabulary: vocabulary)
    let hints = (0..<2).map { _ in generator.tokens(37, vocabulary: vocabulary) }
    sequences = [
      instruction + question + response, instruction + question + hints[0] + response,
      instruction + hints[1] + response,
      instruction + question + response, instruction + question, generator.tokens(135, vocabulary: vocabulary),
      generator.tokens(1, vocabulary: vocabulary),
    ]
    terms = sequences.map { .random($0, vocabulary: vocabulary, &generator) }
  }

  /// States of every position of every sequence.
  private func states(_ layout: PackedLayout) -> [[Double]] {
    let states = transformer.states(layout)
    return layout.paths.map { path in
      path.flatMap { range in range.flatMap { row in (0..<states.columns).map { Double(states[row, $0]) } } }
    }
  }

  private func packedTerms(_ layout: PackedLayout, _ chosen: [Int]) -> [LossTerm] {
    chosen.enumerated().flatMap { place, index in
      terms[index].map { term in
        var term = term
        term.row = layout.row(sequence: place, position: term.row)
        return term
      }
    }
  }

  private func gradient(
    _ layout: PackedLayout, _ chosen: [Int], _ dropout: StepDropout?, budget: Int = TransformerModel.activationBudget,
    addingTo gradient: Adapter
  ) -> [Double] {
    transformer.lossGradient(
      layout, terms: packedTerms(layout, chosen), addingTo: gradient, dropout: dropout, activationBudget: budget)
  }

  private func expectEqual(
    _ found: Adapter, _ expected: Adapter, _ comment: Comment, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for ((name, matrix), (_, reference)) in zip(found.parameters, expected.parameters) {
      let largest = reference.doubles.map(abs).max() ?? 0
      #expect(largest > 0)
      #expect(
        largestDifference(matrix.doubles, reference.doubles) < 1e-4 * largest, "\(comment.rawValue): \(name)",
        sourceLocation: sourceLocation)
    }
  }

  @Test func theCaseSharesWhatItSays() {
    #expect(PackedLayout(sequences).rows < PackedLayout(sequences, sharingPrefixesFrom: nil).rows - 400)
  }

  @Test(arguments: [1, 16]) func statesAreThoseOfEachSequenceAlone(_ sharing: Int) {
    let packed = states(PackedLayout(sequences, sharingPrefixesFrom: sharing))
    let whole = states(PackedLayout(sequences, sharingPrefixesFrom: nil))
    for index in sequences.indices {
      let alone = states(PackedLayout([sequences[index]]))[0]
      #expect(largestDifference(packed[index], alone) < 1e-4, "packed \(index)")
      #expect(largestDifference(whole[index], alone) < 1e-4, "unshared \(index)")
    }
  }

  @Test func logProbabilitiesAreThoseOfEachSequenceAlone() {
    func logProbabilities(_ layout: PackedLayout, _ place: Int, _ sequence: [Int32]) -> [Double] {
      transformer.logProbabilities(
        transformer.states(layout), rows: sequence.indices.dropLast().map { layout.row(sequence: place, position: $0) },
        targets: Array(sequence.dropFirst())
      ).map(Double.init)
    }
    let packed = PackedLayout(sequences)
    for (index, sequence) in sequences.enumerated() {
      let found = logProbabilities(packed, index, sequence)
      #expect(largestDifference(found, logProbabilities(PackedLayout([sequence]), 0, sequence)) < 1e-4, "\(index)")
    }
  }

  /// All seven projections are adapted. Masks hang on the token prefix, so that even with dropout all ways agree.
  @Test(arguments: [nil, Float(0.25)], [16, 1])
  func gradientsAreTheSumOverEachSequenceAlone(_ rate: Float?, _ sharing: Int) {
    let dropout = rate.map { StepDropout(rate: $0, seed: 3) }
    let all = Array(sequences.indices)
    let alone = adapter.zeros()
    let losses = all.flatMap { gradient(PackedLayout([sequences[$0]]), [$0], dropout, addingTo: alone) }
    for (layout, name) in [
      (PackedLayout(sequences, sharingPrefixesFrom: sharing), "packed"),
      (PackedLayout(sequences, sharingPrefixesFrom: nil), "unshared"),
    ] {
      let found = adapter.zeros()
      let packedLosses = gradient(layout, all, dropout, addingTo: found)
      #expect(largestDifference(packedLosses, losses) < 1e-4, "\(name)")
      expectEqual(found, alone, "\(name)")
    }
  }

  @Test func aDuplicateCountsTwice() {
    let once = adapter.zeros()
    _ = gradient(PackedLayout([sequences[0]]), [0], nil, addingTo: once)
    _ = gradient(PackedLayout([sequences[0]]), [0], nil, addingTo: once)
    let packed = PackedLayout([sequences[0], sequences[3]])
    #expect(packed.rows == sequences[0].count)
    let found = adapter.zeros()
    _ = transformer.lossGradient(
      packed, terms: packedTerms(packed, [0]) + packedTerms(packed, [0]), addingTo: found)
    expectEqual(found, once, "duplicate")
  }

  /// Computing activations again must give the very same numbers.
  @Test(arguments: [nil, Float(0.25)]) func theActivationBudgetChangesNothing(_ rate: Float?) {
    let layout = PackedLayout(sequences)
    let dropout = rate.map { StepDropout(rate: $0, seed: 4) }
    let all = Array(sequences.indices)
    let (kept, recomputed) = (adapter.zeros(), adapter.zeros())
    let losses = gradient(layout, all, dropout, budget: .max, addingTo: kept)
    #expect(gradient(layout, all, dropout, budget: 0, addingTo: recomputed) == losses)
    for ((name, matrix), (_, other)) in zip(kept.parameters, recomputed.parameters) {
      #expect(matrix.values == other.values, "\(name)")
    }
  }

  /// The same threads, the same bits.
  @Test func runsAreRepeatable() throws {
    let layout = PackedLayout(sequences)
    let (first, second) = (adapter.zeros(), adapter.zeros())
    for target in [first, second] {
      _ = try model.transformer(adapter, threads: 2).lossGradient(
        layout, terms: packedTerms(layout, Array(sequences.indices)), addingTo: target)
    }
    for ((name, matrix), (_, other)) in zip(first.parameters, second.parameters) {
      #expect(matrix.values == other.values, "\(name)")
    }
  }
}
