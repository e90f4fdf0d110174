import Checkpoints
import Kernels
import Testing
import TinyModels
import Transformer

/// Under the schemes of scoring and generating a sequence gets the same bytes whatever is computed beside it.
@Suite struct RowIndependenceTests {
  /// Which kernels compute.
  enum Computation: String, CaseIterable, Sendable {
    /// The fastest: tile registers where the processor has them.
    case fastest
    /// float32 throughout.
    case singlePrecision
    /// OpenBLAS alone.
    case plain

    /// OpenBLAS's kernels that give a row of 48 the same bytes wherever it stands among them. Others (Haswell's, which
    /// AMD's processors run too) do not: there, with OpenBLAS alone, generating and scoring are independent to float32
    /// rounding only.
    private static let evenCores: Set = ["Cooperlake", "SkylakeX", "Sandybridge", "Nehalem"]

    /// Whether rows are independent with this processor's kernels.
    var isIndependent: Bool {
      guard let products = try? Products(threads: 1) else { return true }
      let own: Products? =
        switch self {
        case .fastest: products
        case .singlePrecision: products.inSinglePrecision
        case .plain: try? Products(threads: 1, plain: true)
        }
      return own?.haveIndependentRows == true || Self.evenCores.contains(products.coreName)
    }

    func transformer(_ model: TinyModel, _ adapter: Adapter?) throws -> TransformerModel {
      let products = try Products(threads: 2, plain: self == .plain)
      return TransformerModel(
        checkpoint: try model.checkpoint(), adapter: adapter,
        products: self == .fastest ? products : products.inSinglePrecision)
    }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let computation: Computation
    let name: String
    let shape: TinyModel.Shape
    let rank: Int
    var testDescription: String { "\(computation.rawValue) \(name)" }
  }

  /// A llama whose sizes are no multiples of anything, one with heads of 64 entries, and a gemma with sliding windows
  /// that begin and end within blocks; stored in 16 bits, so that the fastest kernels are taken.
  static let cases: [Case] = Computation.allCases.flatMap { computation -> [Case] in
    var odd = TinyModel.Shape()
    odd.elementType = .bfloat16
    var wide = odd
    (wide.hiddenSize, wide.intermediateSize, wide.headDimension, wide.tiedHead) = (96, 176, 64, false)
    var sliding = TinyModelCase.gemma3.shape
    (sliding.elementType, sliding.slidingWindow, sliding.headDimension) = (.bfloat16, 45, 80)
    guard computation.isIndependent else { return [] }
    return [
      Case(computation: computation, name: "odd", shape: odd, rank: 3),
      Case(computation: computation, name: "wide", shape: wide, rank: 16),
      Case(computation: computation, name: "sliding", shape: sliding, rank: 8),
    ]
  }

  /// Long and short, beginning alike, one the beginning of another, two the same, one of a single token.
  private func sequences(_ shape: TinyModel.Shape) -> [[Int32]] {
    var generator = SplitMix64(seed: 71)
    func tokens(_ count: Int) -> [Int32] { generator.tokens(count, vocabulary: shape.vocabularySize) }
    let instruction = tokens(141)
    let question = tokens(19)
    return [
      instruction + question + tokens(23), instruction + question + tokens(5), instruction + tokens(90),
      instruction + question, instruction + question, tokens(64), tokens(1), instruction, tokens(35),
      Array(instruction.prefix(64)),
    ]
  }

  private func values(_ matrix: Matrix, _ rows: some Sequence<Int>) -> [Float] {
    rows.flatMap { row in (0..<matrix.columns).map { matrix[row, $0] } }
  }

  @Test(arguments: cases) func statesOfTallPasses(_ test: Case) throws {
    let model = try TinyModel(test.shape)
    let transformer = try test.computation.transformer(model, model.adapter(rank: test.rank)).choosing(by: .tall)
    let sequences = sequences(test.shape)
    func states(_ chosen: [Int]) -> [[Float]] {
      let layout = transformer.layout(chosen.map { sequences[$0] })
      let states = transformer.states(layout)
      return layout.paths.map { path in values(states, path.joined()) }
    }
    let alone = sequences.indices.map { states([$0])[0] }
    // Long enough to cross the heights at which kernels change.
    for chosen in [
      Array(sequences.indices), [7, 3, 1], [9, 8, 6, 0], Array(repeating: [2, 5, 8], count: 9).flatMap { $0 },
    ] {
      let together = states(chosen)
      for (place, index) in chosen.enumerated() {
        // The arrays are too long to be printed.
        let isSame = together[place] == alone[index]
        #expect(isSame, "sequence \(index) among \(chosen)")
      }
    }
    let layout = transformer.layout([sequences[0]])
    let rows = Array(layout.paths[0].joined())
    let whole = transformer.logProbabilities(transformer.states(layout), rows: rows, targets: sequences[0])
    for row in [0, 31, 140, 182] {
      let one = transformer.logProbabilities(transformer.states(layout), rows: [row], targets: [sequences[0][row]])
      #expect(one == [whole[row]], "row \(row)")
    }
    let states = transformer.states(layout)
    for read in [[182], [3, 140], Array(100..<183)] {
      let isSame = values(transformer.states(layout, reading: read), read) == values(states, read)
      #expect(isSame, "rows \(read) alone")
    }
  }

  @Test(arguments: cases) func statesOfBatches(_ test: Case) throws {
    let model = try TinyModel(test.shape)
    let transformer = try test.computation.transformer(model, model.adapter(rank: test.rank))
    let sequences = sequences(test.shape)
    var generator = SplitMix64(seed: 72)
    let responses = sequences.map { _ in generator.tokens(40, vocabulary: test.shape.vocabularySize) }
    /// Prompts read together, then a token of each at a time, sequence by sequence fewer.
    func states(_ chosen: [Int], batch: Int) -> [[Float]] {
      let reader = transformer.choosing(by: .tall)
      let writer = transformer.choosing(by: .batch(batch))
      let caches = reader.prefill(chosen.map { sequences[$0] }).ends.map {
        KeyValueCache(transformer.configuration, parent: $0.cache)
      }
      var result = [[Float]](repeating: [], count: chosen.count)
      for step in 0..<40 {
        // The one at place k ends after 40 − k tokens.
        let active = chosen.indices.filter { step < 40 - $0 }
        let states = writer.extend(active.map { (caches[$0], [responses[chosen[$0]][step]]) })
        for (row, place) in active.enumerated() { result[place] += values(states, [row]) }
      }
      return result
    }
    for batch in [2, 8, 12, 20] {
      let alone = sequences.indices.map { states([$0], batch: batch)[0] }
      for chosen in [Array(sequences.indices.prefix(batch)), [4, 0], [6]] {
        let together = states(chosen, batch: batch)
        for (place, index) in chosen.enumerated() {
          let isSame = together[place] == Array(alone[index].prefix(together[place].count))
          #expect(isSame, "sequence \(index) among \(chosen), batch \(batch)")
        }
      }
    }
  }

  /// The states are those of the usual kernels.
  @Test(arguments: cases) func statesAreTheUsualOnes(_ test: Case) throws {
    let model = try TinyModel(test.shape)
    let transformer = try test.computation.transformer(model, model.adapter(rank: test.rank))
    let tokens = sequences(test.shape)[0]
    let usual = transformer.states(PackedLayout([tokens])).doubles
    let tall = transformer.choosing(by: .tall)
    let layout = tall.layout([tokens])
    #expect(largestDifference(tall.states(layout).doubles, usual) < (test.computation == .fastest ? 3e-3 : 1e-4))
  }
}
