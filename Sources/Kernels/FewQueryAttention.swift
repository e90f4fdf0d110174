import CKernels

/// Attention of a few queries, as in generation: too few for a matrix product to be worth its packing.
///
/// The heads that share a key head are taken together: dot products, softmax, and the weighted sum of the values, keys and
/// values read once.
struct FewQueryAttention {
  let attention: Attention
  let queries: MatrixView
  let output: MatrixView

  private typealias Vector = VectorMath.Vector

  /// A block of keys without its owners: threads that count references to the same ones wait for each other.
  private struct PlainBlock {
    let keys: UnsafePointer<Float>
    let keyStride: Int
    let values: UnsafePointer<Float>
    let valueStride: Int
    let rows: Int

    init(_ block: KeyBlock) {
      (keys, keyStride) = (UnsafePointer(block.keys.base), block.keys.stride)
      (values, valueStride) = (UnsafePointer(block.values.base), block.values.stride)
      rows = block.keys.rows
    }
  }

  /// A group of such blocks, the queries' own the last. It is valid as long as the group is.
  private struct PlainGroup {
    let queries: Range<Int>
    let keyCount: Int
    let blocks: [PlainBlock]

    init(_ group: AttentionGroup) {
      queries = group.queries
      keyCount = group.keyCount
      blocks = group.ancestors.map(PlainBlock.init) + [PlainBlock(group.own)]
    }
  }

  /// Products of a part, at least: fewer cost less than the wait for another thread.
  private static let smallestPart = 1 << 13

  /// Forward for all queries of the groups.
  func run(_ groups: [AttentionGroup], pool: WorkerPool) {
    let shared = attention.heads / attention.keyHeads
    // With many groups a part takes all heads, whose keys lie beside each other in memory, or all of a key head; with few
    // there would be too few parts.
    let enough = 4 * pool.threads
    let heads =
      groups.count >= enough ? attention.heads : groups.count * attention.keyHeads >= enough ? shared : 1
    let parts = attention.heads / heads
    let keys = groups.reduce(0) { $0 + $1.queries.count * attention.width($1, queries: $1.queries.count) }
    let work = keys * attention.heads * attention.headDimension
    withExtendedLifetime(groups) {
      let plain = groups.map(PlainGroup.init)
      guard work >= Self.smallestPart * 2, pool.threads > 1 else {
        for group in plain { attend(group, heads: 0..<attention.heads) }
        return
      }
      pool.run(plain.count * parts) { part, _ in
        let (group, index) = part.quotientAndRemainder(dividingBy: parts)
        attend(plain[group], heads: index * heads..<(index + 1) * heads)
      }
    }
  }

  private func attend(_ group: PlainGroup, heads: Range<Int>) {
    // Whole vectors for every head.
    let stride = (group.keyCount + 15) / 16 * 16
    withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, stride * heads.count)) { memory in
      guard let scores = memory.baseAddress else { return }
      for query in 0..<group.queries.count { attend(group, query: query, heads: heads, scores, stride: stride) }
    }
  }

  /// The outputs of one query. Block by block, so that keys and values are read in the order in which they lie in memory.
  private func attend(
    _ group: PlainGroup, query: Int, heads: Range<Int>, _ scores: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let d = attention.headDimension
    let row = group.queries.lowerBound + query
    let (q, y) = (queries.row(row), output.row(row))
    let seen = group.keyCount - (group.queries.count - 1 - query)
    let first = attention.firstSeen(seen)
    var place = 0
    stretches(group, first: first, seen: seen) { block, keys in
      together(heads) { some, keyHead in
        few_scores(
          Int32(truncatingIfNeeded: some.count), q + some.lowerBound * d,
          block.keys + keys.lowerBound * block.keyStride + keyHead * d, block.keyStride, keys.count, d,
          scores + (some.lowerBound - heads.lowerBound) * stride + place, stride)
      }
      place += keys.count
    }
    for index in 0..<heads.count { softmax(scores + index * stride, count: seen - first) }
    place = 0
    stretches(group, first: first, seen: seen) { block, keys in
      together(heads) { some, keyHead in
        few_values(
          Int32(truncatingIfNeeded: some.count), scores + (some.lowerBound - heads.lowerBound) * stride + place, stride,
          block.values + keys.lowerBound * block.valueStride + keyHead * d, block.valueStride, keys.count, d, place > 0,
          y + some.lowerBound * d, d)
      }
      place += keys.count
    }
  }

  /// Calls `body` with heads that share a key head, as many as are taken together.
  @inline(__always)
  private func together(_ heads: Range<Int>, _ body: (_ heads: Range<Int>, _ keyHead: Int) -> Void) {
    let shared = attention.heads / attention.keyHeads
    var head = heads.lowerBound
    while head < heads.upperBound {
      let end = min(heads.upperBound, head + Int(few_heads), (head / shared + 1) * shared)
      body(head..<end, head / shared)
      head = end
    }
  }

  /// Calls `body` with what a query sees of each block: from the key at `first` up to the one before `seen`.
  @inline(__always)
  private func stretches(
    _ group: PlainGroup, first: Int, seen: Int, _ body: (_ block: PlainBlock, _ keys: Range<Int>) -> Void
  ) {
    var passed = 0
    for block in group.blocks {
      let skipped = max(0, first - passed)
      let end = min(block.rows, seen - passed)
      if skipped < end { body(block, skipped..<end) }
      passed += block.rows
    }
  }

  /// Replaces the dot products by probabilities.
  private func softmax(_ scores: UnsafeMutablePointer<Float>, count: Int) {
    let scale = attention.scale
    // Filled up to whole vectors with what counts as nothing.
    for index in count..<(count + 15) / 16 * 16 { scores[index] = -.infinity }
    var most = VectorMath.load(scores)
    var index = 16
    while index < count {
      most = VectorMath.larger(most, VectorMath.load(scores + index))
      index += 16
    }
    let largest = VectorMath.maximum(most) * scale
    var sum = Vector.zero
    index = 0
    while index < count {
      let value = VectorMath.exponential(VectorMath.load(scores + index) * scale - largest)
      VectorMath.store(value, scores + index)
      sum += value
      index += 16
    }
    let inverse = 1 / VectorMath.sum(sum)
    index = 0
    while index < count {
      VectorMath.store(VectorMath.load(scores + index) * inverse, scores + index)
      index += 16
    }
  }
}

extension VectorMath {
  /// The larger of the two, lane by lane.
  @inline(__always)
  static func larger(_ a: Vector, _ b: Vector) -> Vector { a.replacing(with: b, where: b .> a) }

  /// The largest lane.
  @inline(__always)
  static func maximum(_ vector: Vector) -> Float {
    func larger(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> SIMD8<Float> { a.replacing(with: b, where: b .> a) }
    let eight = larger(vector.lowHalf, vector.highHalf)
    let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.highHalf .> eight.lowHalf)
    return Swift.max(Swift.max(four.x, four.y), Swift.max(four.z, four.w))
  }
}
