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
    var entry = 0
    while entry + 64 <= d {
      sixtyFour(group, column: keyColumn + entry, first: first, seen: seen, scores, to: target + entry)
      entry += 64
    }
    while entry < d {
      let width = min(16, d - entry)
      few(group, column: keyColumn + entry, width: width, first: first, seen: seen, scores, to: target + entry)
      entry += width
    }
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
      // In the order of four keys together: a key's product is the same whichever keys lie beside it.
      let key = keys + index * stride
      var a = Vector.zero
      var entry = 0
      while entry < whole {
        a.addProduct(VectorMath.load(q + entry), VectorMath.load(key + entry))
        entry += 16
      }
      var sum = VectorMath.sums(a, a, a, a).x
      while entry < d {
        sum.addProduct(key[entry], q[entry])
        entry += 1
      }
      target[index] = sum
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

  /// Calls `body` with the stretches of values that a query sees: from the key at `first` up to the one before `seen`.
  @inline(__always)
  private func stretches(
    _ group: AttentionGroup, column: Int, first: Int, seen: Int,
    _ body: (_ values: UnsafeMutablePointer<Float>, _ stride: Int, _ count: Int) -> Void
  ) {
    var passed = 0
    for index in 0...group.ancestors.count {
      let values = index < group.ancestors.count ? group.ancestors[index].values : group.own.values
      let skipped = max(0, first - passed)
      let end = min(values.rows, seen - passed)
      if skipped < end { body(values.base + skipped * values.stride + column, values.stride, end - skipped) }
      passed += values.rows
    }
  }

  /// Σ p·v of up to 16 entries of a head.
  private func few(
    _ group: AttentionGroup, column: Int, width: Int, first: Int, seen: Int, _ p: UnsafePointer<Float>,
    to target: UnsafeMutablePointer<Float>
  ) {
    var sum = Vector.zero
    var place = 0
    stretches(group, column: column, first: first, seen: seen) { values, stride, count in
      for key in 0..<count {
        let v = values + key * stride
        let weight = p[place + key]
        if width == 16 {
          sum.addProduct(VectorMath.load(v), Vector(repeating: weight))
        } else {
          for lane in 0..<width { sum[lane].addProduct(v[lane], weight) }
        }
      }
      place += count
    }
    for lane in 0..<width { target[lane] = sum[lane] }
  }

  /// The same for 64 entries of a head, with two sums of each, so that an addition need not wait for the one before it:
  /// one of the keys at even places among those that are seen, one of the others. So it does not matter where blocks of
  /// keys end.
  @inline(__always)
  private func sixtyFour(
    _ group: AttentionGroup, column: Int, first: Int, seen: Int, _ p: UnsafePointer<Float>,
    to target: UnsafeMutablePointer<Float>
  ) {
    var (a, b, c, d) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    var (e, f, g, h) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    var place = 0
    stretches(group, column: column, first: first, seen: seen) { values, stride, count in
      @inline(__always) func addEven(_ key: Int) {
        let v = values + key * stride
        let weight = Vector(repeating: p[place + key])
        a.addProduct(VectorMath.load(v), weight)
        b.addProduct(VectorMath.load(v + 16), weight)
        c.addProduct(VectorMath.load(v + 32), weight)
        d.addProduct(VectorMath.load(v + 48), weight)
      }
      @inline(__always) func addOdd(_ key: Int) {
        let v = values + key * stride
        let weight = Vector(repeating: p[place + key])
        e.addProduct(VectorMath.load(v), weight)
        f.addProduct(VectorMath.load(v + 16), weight)
        g.addProduct(VectorMath.load(v + 32), weight)
        h.addProduct(VectorMath.load(v + 48), weight)
      }
      var key = 0
      if place & 1 == 1 {
        addOdd(0)
        key = 1
      }
      while key + 2 <= count {
        addEven(key)
        addOdd(key + 1)
        key += 2
      }
      if key < count { addEven(key) }
      place += count
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
