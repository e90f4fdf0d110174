import CKernels

/// Attention on tile registers, for groups of many queries.
///
/// Rows of scores are laid out block of keys after block of keys, each padded to a multiple of 32, so that every
/// block's probabilities line up with its packed values.
struct TileAttention {
  let shape: Attention
  let pool: WorkerPool

  /// Queries of a part, forward: its scores and their packed form stay within the second-level cache.
  private static let blockRows = 64
  static let extent = TileOperand.extent

  /// A block of keys and values, packed for one key head.
  private struct PackedBlock {
    /// Right side of q·kᵀ.
    let keys: TileOperand
    /// Right side of p·v, with the values' columns as lines.
    let values: TileOperand
  }

  /// Where a part's keys are: block by block, first column of the scores, and how many of them its last query sees.
  struct Stretch {
    let block: Int
    /// First key of the block, a multiple of `extent`: no query of the part sees the ones before.
    let start: Int
    let column: Int
    let count: Int
    /// Position of its first key.
    let position: Int
  }

  struct Part {
    let rows: Range<Int>
    let stretches: [Stretch]
    /// Scores of a row, with padding.
    let width: Int
    /// Keys of the last stretch that the part's first query sees.
    let firstSees: Int
    /// Keys that a query sees at most; nil for all.
    let window: Int?

    /// Keys of a stretch that the last query of a panel sees; no key beyond matters to the panel.
    func seen(_ stretch: Int, panel: Int) -> Int {
      guard stretch == stretches.count - 1 else { return stretches[stretch].count }
      return firstSees + min(rows.count, (panel + 1) * TileOperand.extent) - 1
    }

    /// Keys of a stretch that a query sees: none if the range is empty.
    func seen(_ stretch: Int, row: Int) -> Range<Int> {
      let last = stretches.count - 1
      let end = stretch == last ? firstSees + row : stretches[stretch].count
      guard let window else { return 0..<end }
      let first = stretches[last].position + firstSees + row - window
      return min(end, max(0, first - stretches[stretch].position))..<end
    }
  }

  static func padded(_ count: Int) -> Int { TileOperand.count(count) * extent }

  /// The distinct blocks of all groups, and each part's way through them.
  func plan(_ groups: [AttentionGroup], blockRows: Int) -> (blocks: [KeyBlock], parts: [Part]) {
    var blocks: [KeyBlock] = []
    var places: [UnsafeMutablePointer<Float>: Int] = [:]
    func place(_ block: KeyBlock) -> Int {
      if let known = places[block.keys.base] { return known }
      places[block.keys.base] = blocks.count
      blocks.append(block)
      return blocks.count - 1
    }
    var parts: [Part] = []
    for group in groups {
      let chain = group.ancestors.filter { $0.keys.rows > 0 } + [group.own]
      let chainPlaces = chain.map(place)
      let before = group.keyCount - group.queries.count
      for start in stride(from: 0, to: group.queries.count, by: blockRows) {
        let count = min(blockRows, group.queries.count - start)
        let first = shape.firstSeen(before + start + 1)
        var stretches: [Stretch] = []
        var (column, position) = (0, 0)
        for (block, index) in zip(chain, chainPlaces) {
          let end = min(block.keys.rows, before + start + count - position)
          let skipped = max(0, first - position) / Self.extent * Self.extent
          if skipped < end {
            stretches.append(
              Stretch(
                block: index, start: skipped, column: column, count: end - skipped, position: position + skipped))
            column += Self.padded(end - skipped)
          }
          position += block.keys.rows
        }
        let rows = group.queries.lowerBound + start..<group.queries.lowerBound + start + count
        let firstSees = before + start + 1 - (stretches.last?.position ?? 0)
        parts.append(
          Part(rows: rows, stretches: stretches, width: column, firstSees: firstSees, window: shape.window))
      }
    }
    return (blocks, parts)
  }

  /// Forward, as `Attention.forward`.
  /// - Parameter normalizers: gets log Σ exp of each row's scaled scores, [n, heads], if it is given.
  func forward(
    queries: MatrixView, groups: [AttentionGroup], into output: MatrixView, normalizers: MatrixView?
  ) {
    let (blocks, parts) = plan(groups, blockRows: Self.blockRows)
    let heads = shape.heads
    let packed = pack(blocks)
    let widest = parts.map(\.width).max() ?? 0
    let scratch = (0..<pool.threads).map { _ in
      (
        scores: Matrix(uninitializedRows: Self.blockRows, columns: widest),
        packed: TileOperand(lines: Self.blockRows, depth: widest),
        query: TileOperand(lines: Self.blockRows, depth: shape.headDimension),
        sums: Matrix(uninitializedRows: Self.blockRows, columns: Self.padded(shape.headDimension))
      )
    }
    pool.run(parts.count * heads) { index, worker in
      let (place, head) = index.quotientAndRemainder(dividingBy: heads)
      let part = parts[place]
      let keyHead = head * shape.keyHeads / heads
      let (scores, probabilities, query, sums) = scratch[worker]
      let panels = TileOperand.count(part.rows.count)
      let q = queries.rows(part.rows).columns(shape.slice(head))
      let blocks = part.stretches.map { packed[$0.block * shape.keyHeads + keyHead] }
      tiles_begin()
      for panel in 0..<panels {
        query.pack(
          panel: panel, of: q, linesAreRows: true, side: .left, scale: shape.scale, lines: part.rows.count)
        let target = scores.view.row(panel * Self.extent)
        for (index, (stretch, block)) in zip(part.stretches, blocks).enumerated() {
          for keys in 0..<TileOperand.count(part.seen(index, panel: panel)) {
            tiles_multiply(
              query.panel(panel), block.keys.panel(stretch.start / Self.extent + keys), query.blocks, false,
              target + stretch.column + keys * Self.extent, scores.columns)
          }
        }
      }
      var inverses = [Float](repeating: 0, count: part.rows.count)
      for row in 0..<part.rows.count {
        let (largest, total) = exponentials(scores.view.row(row), part, row: row)
        inverses[row] = 1 / total
        normalizers?.row(part.rows.lowerBound + row)[head] = largest + VectorMath.logarithm(total)
      }
      let o = output.rows(part.rows).columns(shape.slice(head))
      for panel in 0..<panels {
        let lines = min(Self.extent, part.rows.count - panel * Self.extent)
        let width = part.stretches[part.stretches.count - 1].column + part.seen(part.stretches.count - 1, panel: panel)
        tiles_pack_rows(
          scores.view.row(panel * Self.extent), scores.columns, lines, width, 1, false, probabilities.panel(panel))
        for (index, (stretch, block)) in zip(part.stretches, blocks).enumerated() {
          for columns in 0..<block.values.panels {
            tiles_multiply(
              probabilities.panel(panel, block: stretch.column / Self.extent),
              block.values.panel(columns, block: stretch.start / Self.extent),
              TileOperand.count(part.seen(index, panel: panel)), index > 0,
              sums.view.row(panel * Self.extent) + columns * Self.extent, sums.columns)
          }
        }
        for line in 0..<lines {
          let row = panel * Self.extent + line
          let inverse = inverses[row]
          VectorMath.map(sums.view.row(row), into: o.row(row), shape.headDimension) { $0 * inverse }
        }
      }
      tiles_end()
    }
  }

  /// Packs every block for every key head; block b, key head h at b·keyHeads + h.
  private func pack(_ blocks: [KeyBlock]) -> [PackedBlock] {
    let keyHeads = shape.keyHeads
    let packed = blocks.flatMap { block in
      (0..<keyHeads).map { _ in
        PackedBlock(
          keys: TileOperand(lines: block.keys.rows, depth: shape.headDimension),
          values: TileOperand(lines: shape.headDimension, depth: block.keys.rows))
      }
    }
    pool.run(packed.count) { index, _ in
      let (block, head) = index.quotientAndRemainder(dividingBy: keyHeads)
      let columns = head * shape.headDimension..<(head + 1) * shape.headDimension
      let keys = blocks[block].keys.columns(columns)
      let values = blocks[block].values.columns(columns)
      for panel in 0..<packed[index].keys.panels {
        packed[index].keys.pack(panel: panel, of: keys, linesAreRows: true, side: .right)
      }
      for panel in 0..<packed[index].values.panels {
        packed[index].values.pack(panel: panel, of: values, linesAreRows: false, side: .right)
      }
    }
    return packed
  }

  /// Turns a row of scores into exp(score − largest), zero where nothing is seen.
  ///
  /// A lane of the sum takes every sixteenth key: where blocks begin at multiples of 16 the sum does not depend on how
  /// the keys are cut into blocks.
  private func exponentials(
    _ scores: UnsafeMutablePointer<Float>, _ part: Part, row: Int
  ) -> (largest: Float, total: Float) {
    var largest = -Float.infinity
    for (index, stretch) in part.stretches.enumerated() {
      let seen = part.seen(index, row: row)
      largest = max(largest, Softmax.maximum(scores + stretch.column + seen.lowerBound, seen.count))
    }
    var sum = VectorMath.Vector.zero
    for (index, stretch) in part.stretches.enumerated() {
      let seen = part.seen(index, row: row)
      let start = scores + stretch.column
      for key in stride(from: 0, to: Self.padded(part.seen(index, panel: row / Self.extent)), by: 16) {
        var value = VectorMath.Vector.zero
        if key + 16 > seen.lowerBound, key < seen.upperBound {
          value = VectorMath.exponential(VectorMath.load(start + key) - largest)
          if key < seen.lowerBound || key + 16 > seen.upperBound {
            let keys = Self.lanes &+ Int32(truncatingIfNeeded: key)
            let isSeen =
              keys .>= Int32(truncatingIfNeeded: seen.lowerBound) .& keys .< Int32(truncatingIfNeeded: seen.upperBound)
            value.replace(with: 0, where: .!isSeen)
          }
          sum += value
        }
        VectorMath.store(value, start + key)
      }
    }
    return (largest, VectorMath.sum(sum))
  }

  private static let lanes = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
}
