import Kernels
import Testing
import TinyModels

/// A forest of segments to attend over.
struct AttentionCase: CustomTestStringConvertible, Sendable {
  let name: String
  let heads: Int
  let keyHeads: Int
  let headDimension: Int
  let packing: [SegmentRows]
  var window: Int?
  var scale: Float = 0.4

  var testDescription: String { window.map { "\(name), window of \($0)" } ?? name }

  static let small = AttentionCase(
    name: "a root of 5, children of 9 and 1, a grandchild of 3", heads: 4, keyHeads: 2, headDimension: 6,
    packing: [
      SegmentRows(rows: 0..<5, ancestors: []), SegmentRows(rows: 5..<14, ancestors: [0..<5]),
      SegmentRows(rows: 14..<15, ancestors: [0..<5]), SegmentRows(rows: 15..<18, ancestors: [0..<5, 5..<14]),
    ])
  static let oneHead = AttentionCase(
    name: "one head, two roots", heads: 1, keyHeads: 1, headDimension: 2,
    packing: [SegmentRows(rows: 0..<1, ancestors: []), SegmentRows(rows: 1..<10, ancestors: [])])
  static let sharedByAll = AttentionCase(
    name: "one key head for three", heads: 3, keyHeads: 1, headDimension: 16,
    packing: [SegmentRows(rows: 0..<3, ancestors: []), SegmentRows(rows: 3..<6, ancestors: [0..<3])])
  /// Segments of more than 128 queries are taken in blocks, below the root and as the root.
  static let blocks = AttentionCase(
    name: "a root of 37, a child of 275 with its own children, a root of 131", heads: 4, keyHeads: 2,
    headDimension: 10,
    packing: [
      SegmentRows(rows: 0..<37, ancestors: []), SegmentRows(rows: 37..<312, ancestors: [0..<37]),
      SegmentRows(rows: 312..<317, ancestors: [0..<37, 37..<312]),
      SegmentRows(rows: 317..<346, ancestors: [0..<37, 37..<312]), SegmentRows(rows: 346..<353, ancestors: [0..<37]),
      SegmentRows(rows: 353..<484, ancestors: []),
    ])

  /// A root and a child of several blocks and chunks, so that windows leave whole tiles, chunks and segments behind.
  static let long = AttentionCase(
    name: "a root of 45, a child of 700, a grandchild of 90", heads: 2, keyHeads: 1, headDimension: 6,
    packing: [
      SegmentRows(rows: 0..<45, ancestors: []), SegmentRows(rows: 45..<745, ancestors: [0..<45]),
      SegmentRows(rows: 745..<835, ancestors: [0..<45, 45..<745]),
    ])

  /// Heads of the sizes that models have, as many query heads for each key head as some of them.
  static func heads(_ heads: Int, _ keyHeads: Int, of headDimension: Int) -> AttentionCase {
    AttentionCase(
      name: "heads of \(headDimension), a root of 64, children of 50 and 7, a grandchild of 110", heads: heads,
      keyHeads: keyHeads, headDimension: headDimension,
      packing: [
        SegmentRows(rows: 0..<64, ancestors: []), SegmentRows(rows: 64..<114, ancestors: [0..<64]),
        SegmentRows(rows: 114..<121, ancestors: [0..<64]),
        SegmentRows(rows: 121..<231, ancestors: [0..<64, 64..<114]),
      ], scale: 1 / Float(headDimension).squareRoot())
  }
  static let usualHeads = [heads(9, 3, of: 64), heads(4, 4, of: 40), heads(4, 1, of: 256), heads(2, 1, of: 80)]

  /// Each without a window and with some: of one key, less than a tile, one tile, several, as long as all.
  static let all =
    [small, oneHead, sharedByAll, blocks]
    + [1, 2, 4, 7, 100].map { small.with(window: $0) } + [1, 5].map { oneHead.with(window: $0) }
    + [sharedByAll.with(window: 2)] + [1, 20, 32, 33, 64, 150, 1000].map { blocks.with(window: $0) }
    + [10, 70, 128, 300].map { long.with(window: $0) } + usualHeads + usualHeads.map { $0.with(window: 60) }

  func with(window: Int) -> AttentionCase {
    var copy = self
    copy.window = window
    return copy
  }

  var attention: Attention {
    Attention(heads: heads, keyHeads: keyHeads, headDimension: headDimension, scale: scale, window: window)
  }
  var reference: AttentionReference {
    AttentionReference(
      heads: heads, keyHeads: keyHeads, headDimension: headDimension, scale: Double(scale), packing: packing,
      window: window ?? .max)
  }
  var rows: Int { reference.rows }
}

/// Which products attention is computed with, and how far they may be from the formula.
enum ProductKind: CaseIterable {
  /// The fastest that the processor has.
  case fastest
  case singlePrecision
  /// The fastest of a processor whose vectors have 256 bits.
  case narrowVectors
  /// OpenBLAS alone.
  case plain

  func products(threads: Int) throws -> Products {
    let products = try Products(threads: threads, plain: self == .plain)
    return switch self {
    case .fastest: products
    case .singlePrecision, .plain: products.inSinglePrecision
    case .narrowVectors: products.inNarrowVectors
    }
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

  /// Segments and how many queries at their ends there are.
  static let ends: [(AttentionCase, segment: Int, last: Int)] =
    [AttentionCase.small, AttentionCase.small.with(window: 3), AttentionCase.small.with(window: 7)]
    .flatMap { test in [1, 3, 9].map { (test, 1, $0) } }
    + [40, 64, 300].flatMap { window in
      [2, 15, 30, 130].map { (AttentionCase.blocks.with(window: window), 1, $0) }
        + [(AttentionCase.long.with(window: window), 2, 50), (AttentionCase.long.with(window: window), 1, 3)]
    }

  /// As in generation: the keys before the queries are already there.
  @Test(arguments: ends, ProductKind.allCases)
  func queriesAtTheEndOfTheirBlockSeeWhatIsBeforeThem(
    _ end: (test: AttentionCase, segment: Int, last: Int), _ kind: ProductKind
  ) throws {
    let test = end.test
    let inputs = Inputs(test)
    let expected = test.reference.output(
      queries: inputs.queries.doubles, keys: inputs.keys.doubles, values: inputs.values.doubles)
    let last = test.packing[end.segment].rows.upperBound
    let rows = last - end.last..<last
    let whole = test.packing[end.segment].group(keys: inputs.keys.view, values: inputs.values.view)
    let group = AttentionGroup(queries: rows, ancestors: whole.ancestors, own: whole.own)
    let columns = inputs.queries.columns
    let output = Matrix(rows: test.rows, columns: columns, [Float](repeating: 7, count: test.rows * columns))
    test.attention.forward(
      queries: inputs.queries.view, groups: [group], into: output.view, products: try kind.products(threads: 2))
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
    compare(dv, v, "values") { product(reference.output(queries: q, keys: k, values: $0), weights) }
    if test.window == 1 {
      // Each query sees its own value alone, whatever it is and whatever the keys are.
      #expect((dq.values + dk.values).allSatisfy { abs(Double($0)) < kind.tolerance })
      return
    }
    compare(dq, q, "queries") { product(reference.output(queries: $0, keys: k, values: v), weights) }
    compare(dk, k, "keys") { product(reference.output(queries: q, keys: $0, values: v), weights) }
  }
}
