import Kernels
import Testing
import TinyModels

/// Attention of a few queries over what is kept of earlier tokens, against plain loops in double precision.
@Suite struct FewQueryAttentionTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let heads: Int
    let keyHeads: Int
    let headDimension: Int
    var testDescription: String { "\(heads) heads over \(keyHeads) of \(headDimension)" }
    /// Heads of whole runs of 64 entries, of these and more, of whole vectors, of less than a vector.
    static let all = [
      Shape(heads: 9, keyHeads: 3, headDimension: 64), Shape(heads: 2, keyHeads: 2, headDimension: 128),
      Shape(heads: 4, keyHeads: 1, headDimension: 86), Shape(heads: 2, keyHeads: 1, headDimension: 16),
      Shape(heads: 3, keyHeads: 3, headDimension: 6), Shape(heads: 14, keyHeads: 2, headDimension: 64),
    ]
  }

  /// Segments of the given lengths, each behind the one before it, the last with `queries` queries at its end.
  private func check(_ shape: Shape, chains: [[Int]], queries: Int, threads: Int, window: Int? = nil) throws {
    var packing: [SegmentRows] = []
    var next = 0
    var last: [SegmentRows] = []
    for chain in chains {
      var ancestors: [Range<Int>] = []
      for length in chain {
        packing.append(SegmentRows(rows: next..<next + length, ancestors: ancestors))
        ancestors.append(next..<next + length)
        next += length
      }
      last += packing.suffix(1)
    }
    var generator = SplitMix64(seed: 31)
    let q = generator.matrix(next, shape.heads * shape.headDimension)
    let k = generator.matrix(next, shape.keyHeads * shape.headDimension)
    let v = generator.matrix(next, shape.keyHeads * shape.headDimension)
    let scale = 1 / Float(shape.headDimension).squareRoot()
    let attention = Attention(
      heads: shape.heads, keyHeads: shape.keyHeads, headDimension: shape.headDimension, scale: scale,
      window: window)
    let reference = AttentionReference(
      heads: shape.heads, keyHeads: shape.keyHeads, headDimension: shape.headDimension, scale: Double(scale),
      packing: packing, window: window ?? .max)
    let expected = reference.output(queries: q.doubles, keys: k.doubles, values: v.doubles)
    let groups = last.map { segment in
      let whole = segment.group(keys: k.view, values: v.view)
      return AttentionGroup(
        queries: segment.rows.upperBound - queries..<segment.rows.upperBound, ancestors: whole.ancestors,
        own: whole.own)
    }
    let output = Matrix(rows: next, columns: q.columns, [Float](repeating: 7, count: next * q.columns))
    attention.forward(queries: q.view, groups: groups, into: output.view, products: try Products(threads: threads))
    let result = output.doubles
    let asked = groups.reduce(into: Set<Int>()) { $0.formUnion($1.queries) }
    for row in 0..<next {
      let places = row * q.columns..<(row + 1) * q.columns
      if asked.contains(row) {
        #expect(largestDifference(Array(result[places]), Array(expected[places])) < 3e-6, "row \(row)")
      } else {
        #expect(places.allSatisfy { result[$0] == 7 }, "row \(row) is nobody's")
      }
    }
  }

  @Test(arguments: Shape.all, [1, 2, 3, 4, 5, 15, 16, 17, 100])
  func oneQuerySeesAllKeys(_ shape: Shape, _ keys: Int) throws {
    try check(shape, chains: [[keys]], queries: 1, threads: 1)
  }

  @Test(arguments: Shape.all, 1...9) func severalQueriesSeeUpToTheirOwn(_ shape: Shape, _ queries: Int) throws {
    try check(shape, chains: [[3, 30, 12]], queries: queries, threads: 2)
  }

  /// Windows that end within a segment, at its end, and before all keys.
  @Test(arguments: Shape.all, [1, 2, 5, 11, 12, 13, 41, 42, 43, 44, 45, 46, 100])
  func windowsLeaveKeysBehind(_ shape: Shape, _ window: Int) throws {
    for queries in [1, 3, 7] {
      try check(shape, chains: [[3, 30, 12], [0, 21, 0, 7]], queries: queries, threads: 2, window: window)
    }
  }

  /// Segments of no tokens, as a fresh cache behind a prompt has before its first.
  @Test(arguments: Shape.all) func emptyAncestorsAreSkipped(_ shape: Shape) throws {
    try check(shape, chains: [[0, 21, 0, 1], [0, 0, 5]], queries: 1, threads: 2)
  }

  @Test(arguments: [1, 2, 5], [1, 2]) func manyStreamsStandBesideEachOther(_ threads: Int, _ queries: Int) throws {
    let chains = (0..<24).map { [$0 % 5 * 7, 20 + $0, 2 + $0 % 3] }
    try check(Shape(heads: 6, keyHeads: 2, headDimension: 64), chains: chains, queries: queries, threads: threads)
  }

  /// As a cache grows a block at a time, and as streams come and go.
  @Test(arguments: Shape.all, [nil, 37]) func bytesDoNotDependOnBlocksAndNeighbours(
    _ shape: Shape, _ window: Int?
  ) throws {
    let count = 133
    var generator = SplitMix64(seed: 8)
    let q = generator.matrix(1, shape.heads * shape.headDimension)
    let k = generator.matrix(count, shape.keyHeads * shape.headDimension)
    let v = generator.matrix(count, shape.keyHeads * shape.headDimension)
    let attention = Attention(
      heads: shape.heads, keyHeads: shape.keyHeads, headDimension: shape.headDimension, scale: 0.3, window: window)
    func outputs(cuts: [Int], streams: Int) throws -> [[Float]] {
      let blocks = zip([0] + cuts, cuts + [count]).map { start, end in
        KeyBlock(keys: k.view.rows(start..<end), values: v.view.rows(start..<end))
      }
      let queries = Matrix(rows: streams, columns: q.columns, (0..<streams).flatMap { _ in q.values })
      let output = Matrix(rows: streams, columns: q.columns)
      attention.forward(
        queries: queries.view,
        groups: (0..<streams).map {
          AttentionGroup(queries: $0..<$0 + 1, ancestors: Array(blocks.dropLast()), own: blocks[blocks.count - 1])
        },
        into: output.view, products: try Products(threads: 2).choosing(by: .batch(streams)))
      return (0..<streams).map { Array(output.values[$0 * q.columns..<($0 + 1) * q.columns]) }
    }
    let alone = try outputs(cuts: [], streams: 1)[0]
    for cuts in [[], [1], [64, 128], [29, 30, 93], [50, 131]] {
      for streams in [1, 4, 9] {
        for result in try outputs(cuts: cuts, streams: streams) {
          #expect(result == alone, "cut at \(cuts), \(streams) streams")
        }
      }
    }
  }

  /// A softmax of large numbers must not overflow.
  @Test func largeScoresAreFine() throws {
    let attention = Attention(heads: 1, keyHeads: 1, headDimension: 16, scale: 1)
    let q = Matrix(rows: 1, columns: 16, [Float](repeating: 30, count: 16))
    let k = Matrix(rows: 3, columns: 16, (0..<48).map { Float($0 / 16) * 10 })
    let v = Matrix(rows: 3, columns: 16, (0..<48).map { Float($0) })
    let output = Matrix(rows: 1, columns: 16)
    attention.forward(
      queries: q.view,
      groups: [AttentionGroup(queries: 0..<1, ancestors: [], own: KeyBlock(keys: k.view, values: v.view))],
      into: output.view, products: try Products(threads: 1))
    #expect(largestDifference(output.doubles, (32..<48).map(Double.init)) < 1e-5)
  }
}
