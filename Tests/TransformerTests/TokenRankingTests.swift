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

@Suite struct TokenRankingTests {
  /// Against all logits sorted in double precision.
  @Test(arguments: [1, 3, 1000])
  func theLikeliestTokensInTheirOrder(count: Int) throws {
    let model = try TinyModel()
    let transformer = TransformerModel(checkpoint: try model.checkpoint(), products: try Products(threads: 2))
    var generator = SplitMix64(seed: 5)
    let vocabulary = model.shape.vocabularySize
    let layout = transformer.layout([generator.tokens(20, vocabulary: vocabulary)])
    let rows = [19, 0, 7, 7]
    let targets = generator.tokens(4, vocabulary: vocabulary)
    let rankings = transformer.rankings(transformer.states(layout), rows: rows, targets: targets, count: count)
    let logits = transformer.logits(layout)
    for (index, ranking) in rankings.enumerated() {
      let row = (0..<vocabulary).map { Double(logits.view.row(rows[index])[$0]) }
      let order = row.indices.sorted { row[$0] != row[$1] ? row[$0] > row[$1] : $0 < $1 }
      #expect(ranking.candidates.map { Int($0.token) } == Array(order.prefix(count)))
      #expect(ranking.rank == order.firstIndex(of: Int(targets[index])).map { $0 + 1 })
      let normalizer = logSumExp(row)
      for candidate in ranking.candidates {
        #expect(abs(candidate.logProbability - (row[Int(candidate.token)] - normalizer)) < 1e-5)
      }
      #expect(abs(ranking.logProbability - (row[Int(targets[index])] - normalizer)) < 1e-5)
    }
  }

  private func logSumExp(_ values: [Double]) -> Double {
    let largest = values.max() ?? 0
    return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
  }
}
