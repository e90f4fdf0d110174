import Kernels
import Testing
import TinyModels
import Transformer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Vocabularies of several slices, against plain loops in double precision.
@Suite struct LanguageModelHeadTests {
  private static let slice = LanguageModelHead.sliceTokens
  private static let dimension = 32
  /// Of some rows, in the first slice, at its end, in the middle one and at its end, and alone in the last.
  private static let targets = [5, slice - 1, slice, 2 * slice - 1, 2 * slice].map(Int32.init)

  /// A vocabulary of two whole slices and one of a single token.
  private let weight: Matrix
  private let states: Matrix
  /// [rows, V].
  private let logits: [[Double]]

  init() {
    var generator = SplitMix64(seed: 41)
    let (weight, states) = (generator.matrix(2 * Self.slice + 1, Self.dimension), generator.matrix(7, Self.dimension))
    logits = (0..<7).map { row in
      (0..<weight.rows).map { token in
        (0..<Self.dimension).reduce(0.0) { $0 + Double(states[row, $1]) * Double(weight[token, $1]) }
      }
    }
    (self.weight, self.states) = (weight, states)
  }

  private func head() throws -> LanguageModelHead {
    LanguageModelHead(weight: WeightMatrix(weight), products: try Products(threads: 2))
  }

  private func logProbability(_ row: Int, _ target: Int32) -> Double {
    let largest = logits[row].max() ?? 0
    return logits[row][Int(target)] - largest - log(logits[row].reduce(0) { $0 + exp($1 - largest) })
  }

  @Test func targetsMayBeInAnySlice() throws {
    let rows = [6, 0, 0, 3, 5]
    let found = try head().logProbabilities(states, rows: rows, targets: Self.targets)
    for (place, row) in rows.enumerated() {
      #expect(abs(Double(found[place]) - logProbability(row, Self.targets[place])) < 1e-5, "\(place)")
    }
  }

  /// d/dlogit of −l·log p − u·log(1 − p) is k·q at the others and −k at the target, k = l·(1 − p) − u·p.
  @Test func lossesAndTheirGradientsGoOverAllSlices() throws {
    let rows = [6, 0, 0, 3, 5]
    let weights: [(likelihood: Float, unlikelihood: Float)] = [(1, 0), (0.5, 0), (0, 2), (0.25, 0.75), (1.5, 0)]
    let terms = rows.indices.map {
      LossTerm(
        row: rows[$0], target: Self.targets[$0], likelihood: weights[$0].likelihood,
        unlikelihood: weights[$0].unlikelihood)
    }
    let gradient = Matrix(rows: 7, columns: Self.dimension)
    let losses = try head().loss(states, terms: terms, addingTo: gradient)
    var expected = [Double](repeating: 0, count: 7 * Self.dimension)
    for (term, loss) in zip(terms, losses) {
      let logarithm = logProbability(term.row, term.target)
      let p = exp(logarithm)
      let (likelihood, unlikelihood) = (Double(term.likelihood), Double(term.unlikelihood))
      #expect(abs(loss - (-likelihood * logarithm - unlikelihood * log1p(-p))) < 1e-5 * max(1, loss))
      let pull = likelihood * (1 - p) - unlikelihood * p
      for token in 0..<weight.rows {
        let isTarget = token == Int(term.target)
        let share =
          isTarget ? -pull : pull * exp(logits[term.row][token] - logits[term.row][Int(term.target)]) * p / (1 - p)
        for place in 0..<Self.dimension {
          expected[term.row * Self.dimension + place] += share * Double(weight[token, place])
        }
      }
    }
    let largest = expected.map(abs).max() ?? 0
    #expect(zip(gradient.doubles, expected).allSatisfy { abs($0 - $1) < 1e-5 * largest })
  }
}
