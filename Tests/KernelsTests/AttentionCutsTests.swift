import Kernels
import Testing
import TinyModels

/// Where attention says that it does not matter how keys are cut, a query gets the same bytes however they are, and
/// whichever queries are computed beside it.
@Suite struct AttentionCutsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let attention: Attention
    let kind: ProductKind
    var testDescription: String {
      "\(kind), heads of \(attention.headDimension)" + (attention.window.map { ", window of \($0)" } ?? "")
    }
  }

  private static let keys = 331

  static let cases: [Case] = [ProductKind.fastest, .singlePrecision, .narrowVectors].flatMap { kind in
    [(4, 2, 64), (2, 1, 40), (1, 1, 256)].flatMap { heads, keyHeads, headDimension in
      [nil, 5, 45, 64, 200].map { window in
        let attention = Attention(
          heads: heads, keyHeads: keyHeads, headDimension: headDimension,
          scale: 1 / Float(headDimension).squareRoot(), window: window)
        return Case(attention: attention, kind: kind)
      }
    }
  }

  /// Outputs and normalizers of the last `queries` queries, their keys cut at `cuts`.
  private func results(
    _ test: Case, queries: Int, cuts: [Int], threads: Int
  ) throws -> (outputs: [Float], normalizers: [Float]) {
    let attention = test.attention
    let (count, d) = (Self.keys, attention.headDimension)
    var generator = SplitMix64(seed: 12)
    let q = generator.matrix(count, attention.heads * d)
    let k = generator.matrix(count, attention.keyHeads * d)
    let v = generator.matrix(count, attention.keyHeads * d)
    let ends = cuts + [count]
    let blocks = zip([0] + cuts, ends).map { start, end in
      KeyBlock(keys: k.copy().view.rows(start..<end), values: v.copy().view.rows(start..<end))
    }
    let group = AttentionGroup(
      queries: count - queries..<count, ancestors: Array(blocks.dropLast()), own: blocks[blocks.count - 1])
    let outputs = Matrix(rows: count, columns: attention.heads * d)
    let normalizers = Matrix(rows: count, columns: attention.heads)
    let products = try test.kind.products(threads: threads).choosing(by: .tall)
    attention.forward(
      queries: q.view, groups: [group], into: outputs.view, normalizers: normalizers.view, products: products)
    return (
      Array(outputs.values.suffix(queries * outputs.columns)),
      Array(normalizers.values.suffix(queries * normalizers.columns))
    )
  }

  @Test(arguments: cases) func bytesDoNotDependOnCutsAndNeighbours(_ test: Case) throws {
    guard let unit = try test.kind.products(threads: 1).attentionCutUnit else { return }
    let whole = try results(test, queries: Self.keys, cuts: [], threads: 2)
    for queries in [1, 5, 12, 13, 48, 75, 190] {
      for units in [[], [1], [4], [1, 3, 4], [25, 130], [31, 47, 48, 95]] {
        let cuts = units.map { $0 * unit }
        guard (cuts.last ?? 0) + queries <= Self.keys else { continue }
        let part = try results(test, queries: queries, cuts: cuts, threads: cuts.count % 2 + 1)
        let isSame =
          part.outputs == Array(whole.outputs.suffix(part.outputs.count))
          && part.normalizers == Array(whole.normalizers.suffix(part.normalizers.count))
        #expect(isSame, "\(queries) queries, cuts at \(cuts)")
      }
    }
  }
}
