/// Keys and values that a query can look at: rows of [m, keyHeads·d] each.
public struct KeyBlock {
  /// Rotated keys, [m, keyHeads·d].
  public let keys: MatrixView
  /// Values, [m, keyHeads·d].
  public let values: MatrixView

  /// A block from its two windows.
  public init(keys: MatrixView, values: MatrixView) {
    self.keys = keys
    self.values = values
  }
}

/// Queries that look at the same keys: all rows of `ancestors`, and their own block causally. The keys stand at the
/// positions from 0 on without a gap, which is what a sliding window goes by.
public struct AttentionGroup {
  /// Rows of the query matrix.
  public let queries: Range<Int>
  /// Blocks that every query of the group sees whole, in the order of their positions.
  public let ancestors: [KeyBlock]
  /// The block whose last `queries.count` rows are the queries' own: query i sees its rows up to its own.
  public let own: KeyBlock

  /// A group from its parts.
  public init(queries: Range<Int>, ancestors: [KeyBlock], own: KeyBlock) {
    self.queries = queries
    self.ancestors = ancestors
    self.own = own
  }

  var keyCount: Int { ancestors.reduce(own.keys.rows) { $0 + $1.keys.rows } }
}

/// Grouped-query scaled dot-product attention (Vaswani et al., arXiv 1706.03762; Ainslie et al., arXiv 2305.13245):
/// o = softmax(scale · q·Kᵀ)·V, each `heads / keyHeads` query heads sharing a key head. With a sliding window w the query
/// at position p sees the keys at max(0, p − w + 1) … p only (Beltagy et al., arXiv 2004.05150).
public struct Attention: Sendable {
  /// Query heads.
  public let heads: Int
  /// Key and value heads.
  public let keyHeads: Int
  /// d, the size of a head.
  public let headDimension: Int
  /// Factor on q·k, usually 1/√d.
  public let scale: Float
  /// Keys that a query sees at most, its own and those nearest before it; nil for all.
  public let window: Int?

  /// Queries of a block: bounds the scores in memory to blockRows × keys per thread.
  private static let blockRows = 128
  /// From this many queries on a product is worth OpenBLAS's packing.
  private static let productRows = 8
  /// From this many queries on it is worth packing keys and values for tile registers or lanes.
  private static let tileRows = 16

  /// The shape of an attention layer.
  /// - Precondition: a window is of at least one key.
  public init(heads: Int, keyHeads: Int, headDimension: Int, scale: Float, window: Int? = nil) {
    precondition(window.map { $0 > 0 } ?? true)
    self.heads = heads
    self.keyHeads = keyHeads
    self.headDimension = headDimension
    self.scale = scale
    self.window = window
  }

  /// The first of `seen` keys, of which the last is its own, that a query sees.
  @inline(__always)
  func firstSeen(_ seen: Int) -> Int { window.map { max(0, seen - $0) } ?? 0 }

  /// Keys that `queries` queries of a group see at most.
  func width(_ group: AttentionGroup, queries: Int) -> Int {
    window.map { min(group.keyCount, $0 + queries) } ?? group.keyCount
  }

  private func blocks(of groups: [AttentionGroup]) -> [(group: Int, start: Int)] {
    groups.indices.flatMap { group in
      stride(from: 0, to: groups[group].queries.count, by: Self.blockRows).map { (group, $0) }
    }
  }

  func slice(_ head: Int) -> Range<Int> { head * headDimension..<(head + 1) * headDimension }

  private func keySlice(_ head: Int) -> Range<Int> { slice(head * keyHeads / heads) }

  private func scratchFloats(_ groups: [AttentionGroup]) -> Int {
    groups.map { group in
      let rows = min(Self.blockRows, group.queries.count)
      return rows * width(group, queries: rows)
    }.max() ?? 0
  }

  /// Forward.
  /// - Parameters:
  ///   - queries: rotated queries, [n, heads·d].
  ///   - output: [n, heads·d]; rows of no group stay as they are.
  ///   - normalizers: [n, heads], filled with what the backward pass wants to know again; nil if there is none.
  public func forward(
    queries: MatrixView, groups: [AttentionGroup], into output: MatrixView, normalizers: MatrixView? = nil,
    products: Products
  ) {
    var groups = groups
    if products.hasAttention, !products.scheme.isBatch {
      let fewest = normalizers == nil && products.scheme == .asTheyCome ? Self.tileRows : 1
      let many = groups.filter { $0.queries.count >= fewest }
      if let kernels = products.lanes {
        LaneAttention(shape: self, pool: products.pool, kernels: kernels).forward(
          queries: queries, groups: many, into: output, normalizers: normalizers)
      } else {
        TileAttention(shape: self, pool: products.pool).forward(
          queries: queries, groups: many, into: output, normalizers: normalizers)
      }
      groups.removeAll { $0.queries.count >= fewest }
    }
    if !products.isPlain {
      let few = groups.filter { $0.queries.count < Self.productRows }
      FewQueryAttention(attention: self, queries: queries, output: output).run(few, pool: products.pool)
      groups.removeAll { $0.queries.count < Self.productRows }
    }
    guard !groups.isEmpty else { return }
    let blocks = blocks(of: groups)
    let floats = scratchFloats(groups)
    let scratch = Matrix(rows: products.pool.threads, columns: floats)
    products.pool.run(blocks.count * heads) { part, worker in
      let (index, head) = part.quotientAndRemainder(dividingBy: heads)
      let group = groups[blocks[index].group]
      let start = blocks[index].start
      let count = min(Self.blockRows, group.queries.count - start)
      let rows = group.queries.lowerBound + start..<group.queries.lowerBound + start + count
      let q = queries.rows(rows).columns(slice(head))
      let o = output.rows(rows).columns(slice(head))
      let scores = scratch.view.row(worker)
      let visible = probabilities(q, group: group, start: start, head: head, into: scores, products: products)
      var column = 0
      for (position, block) in visible.enumerated() {
        let p = MatrixView(base: scores + column, rows: count, columns: block.values.rows, stride: visible.keyCount)
        let v = block.values.columns(keySlice(head))
        if count >= Self.productRows {
          products.multiplyHere(p, v, beta: position == 0 ? 0 : 1, into: o)
        } else {
          weightedSum(p, v, adding: position > 0, into: o)
        }
        column += block.values.rows
      }
    }
  }

  /// The keys that a block of queries can see: from the first that the first query sees up to the last one's own.
  private struct Visible: Sequence {
    var blocks: [KeyBlock]
    var keyCount: Int
    /// Keys before them, which no query of the block sees.
    var hidden: Int
    func makeIterator() -> IndexingIterator<[KeyBlock]> { blocks.makeIterator() }
  }

  private func visibleBlocks(_ group: AttentionGroup, start: Int, count: Int) -> Visible {
    let ownCount = group.own.keys.rows - group.queries.count + start + count
    let own = KeyBlock(keys: group.own.keys.rows(0..<ownCount), values: group.own.values.rows(0..<ownCount))
    let blocks = group.ancestors.filter { $0.keys.rows > 0 } + [own]
    let keyCount = blocks.reduce(0) { $0 + $1.keys.rows }
    let hidden = firstSeen(keyCount - count + 1)
    if hidden == 0 { return Visible(blocks: blocks, keyCount: keyCount, hidden: 0) }
    let seen = Self.cut(blocks.map { 0..<$0.keys.rows }, first: hidden)
    return Visible(
      blocks: zip(blocks.suffix(seen.count), seen).map { block, rows in
        KeyBlock(keys: block.keys.rows(rows), values: block.values.rows(rows))
      }, keyCount: keyCount - hidden, hidden: hidden)
  }

  /// Ranges of rows without the `first` first of them all.
  private static func cut(_ ranges: [Range<Int>], first: Int) -> [Range<Int>] {
    var left = first
    return ranges.compactMap { range in
      let skipped = min(left, range.count)
      left -= skipped
      return skipped < range.count ? range.lowerBound + skipped..<range.upperBound : nil
    }
  }

  /// Fills `scores` with the attention probabilities of a block of queries, [count, keys], zeros where nothing is seen.
  private func probabilities(
    _ q: MatrixView, group: AttentionGroup, start: Int, head: Int, into scores: UnsafeMutablePointer<Float>,
    products: Products
  ) -> Visible {
    let visible = visibleBlocks(group, start: start, count: q.rows)
    var column = 0
    for block in visible {
      let target = MatrixView(base: scores + column, rows: q.rows, columns: block.keys.rows, stride: visible.keyCount)
      dots(q, block.keys.columns(keySlice(head)), into: target, products: products)
      column += block.keys.rows
    }
    for row in 0..<q.rows {
      let seen = visible.keyCount - (q.rows - 1 - row)
      let first = max(0, firstSeen(visible.hidden + seen) - visible.hidden)
      let line = scores + row * visible.keyCount
      line.update(repeating: 0, count: first)
      Softmax.forward(line + first, count: seen - first, scale: scale)
      (line + seen).update(repeating: 0, count: visible.keyCount - seen)
    }
    return visible
  }

  /// target ← a · bᵀ.
  private func dots(_ a: MatrixView, _ b: MatrixView, into target: MatrixView, products: Products) {
    if a.rows >= Self.productRows {
      return products.multiplyHere(a, b, transposeB: true, into: target)
    }
    for row in 0..<a.rows {
      for column in 0..<b.rows {
        target.row(row)[column] = VectorMath.dot(a.row(row), b.row(column), headDimension)
      }
    }
  }

  private func weightedSum(_ p: MatrixView, _ v: MatrixView, adding: Bool, into o: MatrixView) {
    for row in 0..<p.rows {
      let target = o.row(row)
      if !adding { target.update(repeating: 0, count: headDimension) }
      for key in 0..<p.columns {
        VectorMath.add(v.row(key), times: p.row(row)[key], to: target, headDimension)
      }
    }
  }

  /// Backward, from the rotated queries and keys, the values and the outputs; the probabilities are computed again.
  ///
  /// With P = softmax(scale·QKᵀ), dP = dO·Vᵀ: dS = scale · P∘(dP − rowsum(P∘dP)); dQ = dS·K, dK = dSᵀ·Q, dV = Pᵀ·dO.
  /// - Parameters:
  ///   - packing: which rows of the packed matrices each segment holds and sees.
  ///   - outputs: what the forward pass wrote, [n, heads·d].
  ///   - normalizers: what it filled in, [n, heads].
  ///   - outputGradient: dO, [n, heads·d].
  ///   - queryGradient: dQ, [n, heads·d], overwritten.
  ///   - keyGradient: dK, [n, keyHeads·d], overwritten.
  ///   - valueGradient: dV, [n, keyHeads·d], overwritten.
  public func backward(
    queries: MatrixView, keys: MatrixView, values: MatrixView, packing: [SegmentRows], outputs: MatrixView,
    normalizers: MatrixView, outputGradient: MatrixView, queryGradient: MatrixView, keyGradient: MatrixView,
    valueGradient: MatrixView, products: Products
  ) {
    if products.hasAttention {
      let pass = AttentionGradients(
        queries: queries, outputs: outputs, normalizers: normalizers, outputGradient: outputGradient,
        queryGradient: queryGradient)
      if let kernels = products.lanes {
        return LaneAttention(shape: self, pool: products.pool, kernels: kernels).backward(
          pass, keys: keys, values: values, packing: packing, keyGradient: keyGradient, valueGradient: valueGradient)
      }
      return TileAttention(shape: self, pool: products.pool).backward(
        pass, keys: keys, values: values, packing: packing, keyGradient: keyGradient, valueGradient: valueGradient)
    }
    let groups = packing.map { $0.group(keys: keys, values: values) }
    let floats = scratchFloats(groups)
    let scratch = Matrix(rows: products.pool.threads, columns: 2 * floats)
    // A key head's gradient has parts from several query heads, and an ancestor's from several segments. Each query
    // head has its own sums, added up below in a fixed order.
    let keyParts = Matrix(rows: keys.rows, columns: heads * headDimension)
    let valueParts = Matrix(rows: keys.rows, columns: heads * headDimension)
    products.pool.run(heads) { head, worker in
      let scores = scratch.view.row(worker)
      let scoreGradient = scores + floats
      for (group, segment) in zip(groups, packing) {
        for start in stride(from: 0, to: group.queries.count, by: Self.blockRows) {
          let count = min(Self.blockRows, group.queries.count - start)
          let rows = group.queries.lowerBound + start..<group.queries.lowerBound + start + count
          let q = queries.rows(rows).columns(slice(head))
          let dO = outputGradient.rows(rows).columns(slice(head))
          let visible = probabilities(q, group: group, start: start, head: head, into: scores, products: products)
          let width = visible.keyCount
          var column = 0
          for block in visible {
            let dP = MatrixView(base: scoreGradient + column, rows: count, columns: block.values.rows, stride: width)
            products.multiplyHere(dO, block.values.columns(keySlice(head)), transposeB: true, into: dP)
            column += block.values.rows
          }
          softmaxGradient(scores, scoreGradient, rows: count, columns: width)
          column = 0
          let ranges = Self.cut(segment.visible(count: start + count), first: visible.hidden)
          for (position, range) in ranges.enumerated() {
            let p = MatrixView(base: scores + column, rows: count, columns: range.count, stride: width)
            let dS = MatrixView(base: scoreGradient + column, rows: count, columns: range.count, stride: width)
            let dQ = queryGradient.rows(rows).columns(slice(head))
            products.multiplyHere(
              dS, keys.rows(range).columns(keySlice(head)), beta: position == 0 ? 0 : 1, into: dQ)
            products.multiplyHere(
              dS, q, transposeA: true, beta: 1, into: keyParts.view.rows(range).columns(slice(head)))
            products.multiplyHere(
              p, dO, transposeA: true, beta: 1, into: valueParts.view.rows(range).columns(slice(head)))
            column += range.count
          }
        }
      }
    }
    sumOverSharedHeads(keyParts.view, slices: 1, into: keyGradient, pool: products.pool)
    sumOverSharedHeads(valueParts.view, slices: 1, into: valueGradient, pool: products.pool)
  }

  /// Turns dP into scale · P∘(dP − rowsum(P∘dP)), in place.
  private func softmaxGradient(
    _ p: UnsafeMutablePointer<Float>, _ dP: UnsafeMutablePointer<Float>, rows: Int, columns: Int
  ) {
    for row in 0..<rows {
      let probabilities = p + row * columns
      let gradient = dP + row * columns
      let mean = VectorMath.dot(probabilities, gradient, columns)
      var index = 0
      while index + 16 <= columns {
        let value = VectorMath.load(probabilities + index) * (VectorMath.load(gradient + index) - mean) * scale
        VectorMath.store(value, gradient + index)
        index += 16
      }
      while index < columns {
        gradient[index] = probabilities[index] * (gradient[index] - mean) * scale
        index += 1
      }
    }
  }

  /// Sums of each head to the keys' and values' gradients: several where there would else be no work for all threads.
  /// They are added up in a fixed order.
  func slices(threads: Int) -> Int { heads % threads == 0 ? 1 : min(4, (2 * threads + heads - 1) / heads + 1) }

  /// Sums what the query heads of a key head have, `slices` parts each.
  func sumOverSharedHeads(_ parts: MatrixView, slices: Int, into target: MatrixView, pool: WorkerPool) {
    let shared = heads / keyHeads * slices
    pool.ranges(parts.rows, minimum: 8) { range, _ in
      for row in range {
        let source = parts.row(row)
        for keyHead in 0..<keyHeads {
          let sum = target.row(row) + keyHead * headDimension
          sum.update(from: source + keyHead * shared * headDimension, count: headDimension)
          for head in 0..<shared where head > 0 {
            VectorMath.add(source + (keyHead * shared + head) * headDimension, times: 1, to: sum, headDimension)
          }
        }
      }
    }
  }
}
