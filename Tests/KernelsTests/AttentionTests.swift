import Kernels
import Testing
import TinyModels

/// A forest of segments to attend over.
struct AttentionCase: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let heads: Int
  let keyHeads: Int
  let headDimension: Int
  let packing: [SegmentRows]

  static let small = AttentionCase(
    testDescription: "a root of 5, children of 9 and 1, a grandchild of 3", heads: 4, keyHeads: 2, headDimension: 6,
    packing: [
      SegmentRows(rows: 0..<5, ancestors: []), SegmentRows(rows: 5..<14, ancestors: [0..<5]),
      SegmentRows(rows: 14..<15, ancestors: [0..<5]), SegmentRows(rows: 15..<18, ancestors: [0..<5, 5..<14]),
    ])
  static let oneHead = AttentionCase(
    testDescription: "one head, two roots", heads: 1, keyHeads: 1, headDimension: 2,
    packing: [SegmentRows(rows: 0..<1, ancestors: []), SegmentRows(rows: 1..<10, ancestors: [])])
  static let sharedByAll = AttentionCase(
    testDescription: "one key head for three", heads: 3, keyHeads: 1, headDimension: 16,
    packing: [SegmentRows(rows: 0..<3, ancestors: []), SegmentRows(rows: 3..<6, ancestors: [0..<3])])
  /// Segments of more than 128 queries are taken in blocks, below the root and as the root.
  static let blocks = AttentionCase(
    testDescription: "a root of 37, a child of 275 with its own children, a root of 131", heads: 4, keyHeads: 2,
    headDimension: 10,
    packing: [
      SegmentRows(rows: 0..<37, ancestors: []), SegmentRows(rows: 37..<312, ancestors: [0..<37]),
      SegmentRows(rows: 312..<317, ancestors: [0..<37, 37..<312]),
      SegmentRows(rows: 317..<346, ancestors: [0..<37, 37..<312]), SegmentRows(rows: 346..<353, ancestors: [0..<37]),
      SegmentRows(rows: 353..<484, ancestors: []),
    ])

  static let all = [small, oneHead, sharedByAll, blocks]

  var attention: Attention {
    Attention(heads: heads, keyHeads: keyHeads, headDimension: headDimension, scale: 0.4)
  }
  var reference: AttentionReference {
    AttentionReference(
      heads: heads, keyHeads: keyHeads, headDimension: headDimension, scale: Double(Float(0.4)), packing: packing)
  }
  var rows: Int { reference.rows }
}

/// Which products attention is computed with, and how far they may be from the formula.
enum ProductKind: CaseIterable {
  /// The fastest that the processor has.
  case fastest
  case singlePrecision

  func products(threads: Int) throws -> Products {
    let products = try Products(threads: threads)
    return self == .fastest ? products : products.inSinglePrecision
  }

  /// Tile registers keep 16 bits of a number.
  var tolerance: Double { self == .fastest ? 1e-4 : 3e-6 }
}

@Suite struct AttentionTests {
  private struct Inputs {
    let queries: Matrix
    let keys: Matrix
    let values: Matrix
    let outputGradient: Matrix

    init(_ test: AttentionCase) {
      var generator = SplitMix64(seed: 10)
      queries = generator.matrix(test.rows, test.heads * test.headDimension)
      keys = generator.matrix(test.rows, test.keyHeads * test.headDimension)
      values = generator.matrix(test.rows, test.keyHeads * test.headDimension)
      outputGradient = generator.matrix(test.rows, test.heads * test.headDimension)
    }
  }

  @Test(arguments: AttentionCase.all, ProductKind.allCases) func forwardAgreesWithTheFormula(
    _ test: AttentionCase, _ kind: ProductKind
  ) throws {
    let inputs = Inputs(test)
    let expected = test.reference.output(
      queries: inputs.queries.doubles, keys: inputs.keys.doubles, values: inputs.values.doubles)
    for threads in [1, 3] {
      let output = Matrix(rows: test.rows, columns: inputs.queries.columns)
      test.attention.forward(
        queries: inputs.queries.view,
        groups: test.packing.map { $0.group(keys: inputs.keys.view, values: inputs.values.view) }, into: output.view,
        products: try kind.products(threads: threads))
      #expect(largestDifference(output.doubles, expected) < kind.tolerance, "\(threads) threads")
    }
  }

  /// As in generation: the keys before the queries are already there.
  @Test(arguments: [1, 3, 9], ProductKind.allCases)
  func queriesAtTheEndOfTheirBlockSeeAllBeforeThem(_ last: Int, _ kind: ProductKind) throws {
    let test = AttentionCase.small
    let inputs = Inputs(test)
    let expected = test.reference.output(
      queries: inputs.queries.doubles, keys: inputs.keys.doubles, values: inputs.values.doubles)
    let rows = 14 - last..<14
    let whole = test.packing[1].group(keys: inputs.keys.view, values: inputs.values.view)
    let group = AttentionGroup(queries: rows, ancestors: whole.ancestors, own: whole.own)
    let output = Matrix(rows: test.rows, columns: inputs.queries.columns, [Float](repeating: 7, count: test.rows * 24))
    test.attention.forward(
      queries: inputs.queries.view, groups: [group], into: output.view, products: try kind.products(threads: 2))
    let columns = inputs.queries.columns
    let places = rows.lowerBound * columns..<rows.upperBound * columns
    #expect(largestDifference(Array(output.doubles[places]), Array(expected[places])) < kind.tolerance)
    #expect(output.values.indices.allSatisfy { places.contains($0) || output.values[$0] == 7 }, "other rows stay")
  }

  @Test(arguments: AttentionCase.all, ProductKind.allCases)
  func backwardAgreesWithCentralDifferences(_ test: AttentionCase, _ kind: ProductKind) throws {
    for threads in [1, 3] { try expectDifferences(test, kind, threads: threads) }
  }

  private func expectDifferences(_ test: AttentionCase, _ kind: ProductKind, threads: Int) throws {
    let products = try kind.products(threads: threads)
    let inputs = Inputs(test)
    let outputs = Matrix(rows: test.rows, columns: inputs.queries.columns)
    let normalizers = Matrix(rows: test.rows, columns: test.heads)
    test.attention.forward(
      queries: inputs.queries.view,
      groups: test.packing.map { $0.group(keys: inputs.keys.view, values: inputs.values.view) }, into: outputs.view,
      normalizers: normalizers.view, products: products)
    // Filled with numbers that must be overwritten.
    var generator = SplitMix64(seed: 11)
    let dq = generator.matrix(test.rows, inputs.queries.columns)
    let dk = generator.matrix(test.rows, inputs.keys.columns)
    let dv = generator.matrix(test.rows, inputs.keys.columns)
    test.attention.backward(
      queries: inputs.queries.view, keys: inputs.keys.view, values: inputs.values.view, packing: test.packing,
      outputs: outputs.view, normalizers: normalizers.view, outputGradient: inputs.outputGradient.view,
      queryGradient: dq.view, keyGradient: dk.view, valueGradient: dv.view, products: products)
    let (q, k, v) = (inputs.queries.doubles, inputs.keys.doubles, inputs.values.doubles)
    let weights = inputs.outputGradient.doubles
    let reference = test.reference
    func compare(_ gradient: Matrix, _ point: [Double], _ name: Comment, _ function: ([Double]) -> Double) {
      if test.rows < 20 {
        CentralDifferences.expectEveryEntry(
          of: gradient.doubles, at: point, tolerance: 3 * kind.tolerance, name, function)
      } else {
        CentralDifferences.expectDirections(
          4, of: gradient.doubles, at: point, tolerance: 3 * kind.tolerance, name, function)
      }
    }
    compare(dq, q, "queries") { product(reference.output(queries: $0, keys: k, values: v), weights) }
    compare(dk, k, "keys") { product(reference.output(queries: q, keys: $0, values: v), weights) }
    compare(dv, v, "values") { product(reference.output(queries: q, keys: k, values: $0), weights) }
  }
}
