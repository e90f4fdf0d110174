/// Attention of a few queries, as in generation: too few for a matrix product to be worth its packing.
///
/// One query head at a time: dot products with four keys together, softmax, and the weighted sum of the values in
/// registers. The heads that share a key head follow each other while its keys are in the cache.
struct FewQueryAttention {
  let attention: Attention
  let queries: MatrixView
  let output: MatrixView

  private typealias Vector = VectorMath.Vector

  /// Products of a part, at least: fewer cost less than the wait for another thread.
  private static let smallestPart = 1 << 13

  /// Forward for all queries of the groups.
  func run(_ groups: [AttentionGroup], pool: WorkerPool) {
    let shared = attention.heads / attention.keyHeads
    // With many groups a part takes all heads of a key head; with few there would be too few parts.
    let heads = groups.count * attention.keyHeads >= 4 * pool.threads ? shared : 1
    let parts = attention.heads / heads
    let keys = groups.reduce(0) { $0 + $1.queries.count * attention.width($1, queries: $1.queries.count) }
    let work = keys * attention.heads * attention.headDimension
    guard work >= Self.smallestPart * 2, pool.threads > 1 else {
      for group in groups { attend(group, heads: 0..<attention.heads) }
      return
    }
    pool.run(groups.count * parts) { part, _ in
      let (group, index) = part.quotientAndRemainder(dividingBy: parts)
      attend(groups[group], heads: index * heads..<(index + 1) * heads)
    }
  }

  private func attend(_ group: AttentionGroup, heads: Range<Int>) {
    let keyCount = group.keyCount
    // Room for whole vectors.
    withUnsafeTemporaryAllocation(of: Float.self, capacity: keyCount + 16) { memory in
      guard let scores = memory.baseAddress else { return }
      for head in heads {
        for query in 0..<group.queries.count {
          attend(group, query: query, head: head, seen: keyCount - (group.queries.count - 1 - query), scores)
        }
      }
    }
  }

  private func attend(
    _ group: AttentionGroup, query: Int, head: Int, seen: Int, _ scores: UnsafeMutablePointer<Float>
  ) {
    let d = attention.headDimension
    let row = group.queries.lowerBound + query
    let q = queries.row(row) + head * d
    let keyColumn = head * attention.keyHeads / attention.heads * d
    // Keys before the window are passed over, block by block.
    let first = attention.firstSeen(seen)
    var passed = 0
    var place = 0
    for block in group.ancestors {
      let skipped = min(max(0, first - passed), block.keys.rows)
      let count = block.keys.rows - skipped
      dots(
        q, block.keys.base + skipped * block.keys.stride + keyColumn, stride: block.keys.stride, count: count,
        into: scores + place)
      passed += block.keys.rows
      place += count
    }
    let ownSkipped = max(0, first - passed)
    dots(
      q, group.own.keys.base + ownSkipped * group.own.keys.stride + keyColumn, stride: group.own.keys.stride,
      count: seen - first - place, into: scores + place)
    softmax(scores, count: seen - first)
    let target = output.row(row) + head * d
    passed = 0
    place = 0
    for block in group.ancestors {
      let skipped = min(max(0, first - passed), block.values.rows)
      let count = block.values.rows - skipped
      weightedSum(
        scores + place, block.values.base + skipped * block.values.stride + keyColumn, stride: block.values.stride,
        count: count, adding: place > 0, to: target)
      passed += block.values.rows
      place += count
    }
    weightedSum(
      scores + place, group.own.values.base + ownSkipped * group.own.values.stride + keyColumn,
      stride: group.own.values.stride, count: seen - first - place, adding: place > 0, to: target)
  }

  /// q·k of `count` keys.
  private func dots(
    _ q: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, stride: Int, count: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let d = attention.headDimension
    let whole = d / 16 * 16
    var index = 0
    while index + 4 <= count {
      let k0 = keys + index * stride
      let (k1, k2, k3) = (k0 + stride, k0 + 2 * stride, k0 + 3 * stride)
      var (a, b, c, e) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
      var entry = 0
      while entry < whole {
        let query = VectorMath.load(q + entry)
        a.addProduct(query, VectorMath.load(k0 + entry))
        b.addProduct(query, VectorMath.load(k1 + entry))
        c.addProduct(query, VectorMath.load(k2 + entry))
        e.addProduct(query, VectorMath.load(k3 + entry))
        entry += 16
      }
      var sums = VectorMath.sums(a, b, c, e)
      while entry < d {
        sums.addProduct(SIMD4(k0[entry], k1[entry], k2[entry], k3[entry]), SIMD4(repeating: q[entry]))
        entry += 1
      }
      UnsafeMutableRawPointer(target + index).storeBytes(of: sums, as: SIMD4<Float>.self)
      index += 4
    }
    while index < count {
      target[index] = VectorMath.dot(q, keys + index * stride, d)
      index += 1
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

  /// Σ p·v of `count` values.
  private func weightedSum(
    _ p: UnsafePointer<Float>, _ values: UnsafePointer<Float>, stride: Int, count: Int, adding: Bool,
    to target: UnsafeMutablePointer<Float>
  ) {
    let d = attention.headDimension
    var entry = 0
    while entry + 64 <= d {
      sixtyFour(p, values + entry, stride: stride, count: count, adding: adding, to: target + entry)
      entry += 64
    }
    while entry + 16 <= d {
      var sum = adding ? VectorMath.load(target + entry) : .zero
      for key in 0..<count {
        sum.addProduct(VectorMath.load(values + key * stride + entry), Vector(repeating: p[key]))
      }
      VectorMath.store(sum, target + entry)
      entry += 16
    }
    while entry < d {
      var sum = adding ? target[entry] : 0
      for key in 0..<count { sum.addProduct(values[key * stride + entry], p[key]) }
      target[entry] = sum
      entry += 1
    }
  }

  /// The same for 64 entries of a head, with two sums of each, so that an addition need not wait for the one before it.
  @inline(__always)
  private func sixtyFour(
    _ p: UnsafePointer<Float>, _ values: UnsafePointer<Float>, stride: Int, count: Int, adding: Bool,
    to target: UnsafeMutablePointer<Float>
  ) {
    var (a, b, c, d) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    var (e, f, g, h) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    if adding {
      (a, b) = (VectorMath.load(target), VectorMath.load(target + 16))
      (c, d) = (VectorMath.load(target + 32), VectorMath.load(target + 48))
    }
    var key = 0
    while key + 2 <= count {
      var v = values + key * stride
      var weight = Vector(repeating: p[key])
      a.addProduct(VectorMath.load(v), weight)
      b.addProduct(VectorMath.load(v + 16), weight)
      c.addProduct(VectorMath.load(v + 32), weight)
      d.addProduct(VectorMath.load(v + 48), weight)
      v += stride
      weight = Vector(repeating: p[key + 1])
      e.addProduct(VectorMath.load(v), weight)
      f.addProduct(VectorMath.load(v + 16), weight)
      g.addProduct(VectorMath.load(v + 32), weight)
      h.addProduct(VectorMath.load(v + 48), weight)
      key += 2
    }
    if key < count {
      let v = values + key * stride
      let weight = Vector(repeating: p[key])
      a.addProduct(VectorMath.load(v), weight)
      b.addProduct(VectorMath.load(v + 16), weight)
      c.addProduct(VectorMath.load(v + 32), weight)
      d.addProduct(VectorMath.load(v + 48), weight)
    }
    VectorMath.store(a + e, target)
    VectorMath.store(b + f, target + 16)
    VectorMath.store(c + g, target + 32)
    VectorMath.store(d + h, target + 48)
  }
}

extension VectorMath {
  /// The sums of the lanes of four vectors.
  @inline(__always)
  static func sums(_ a: Vector, _ b: Vector, _ c: Vector, _ d: Vector) -> SIMD4<Float> {
    func quarter(_ vector: Vector) -> SIMD4<Float> {
      let eight = vector.lowHalf + vector.highHalf
      return eight.lowHalf + eight.highHalf
    }
    let first = SIMD8(lowHalf: quarter(a), highHalf: quarter(b))
    let second = SIMD8(lowHalf: quarter(c), highHalf: quarter(d))
    let pairs = SIMD8(lowHalf: first.evenHalf + first.oddHalf, highHalf: second.evenHalf + second.oddHalf)
    return pairs.evenHalf + pairs.oddHalf
  }

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
