import CKernels

/// Attention on tile registers, for groups of many queries.
///
/// Rows of scores are laid out block of keys after block of keys, each padded to a multiple of 32, so that every
/// block's probabilities line up with its packed values. A lane of a row's sum takes every sixteenth key: where blocks
/// begin at multiples of 16 the sum does not depend on how the keys are cut into blocks.
struct TileAttention {
  let shape: Attention
  let pool: WorkerPool

  /// Queries of a part, forward.
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

    /// Queries of a panel.
    func lines(panel: Int) -> Range<Int> {
      panel * TileOperand.extent..<min(rows.count, (panel + 1) * TileOperand.extent)
    }

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

  /// The keys that each line of a panel sees.
  final class SeenLines {
    let base = UnsafeMutablePointer<tiles_seen>.allocate(capacity: TileOperand.extent)

    deinit { base.deallocate() }

    func set(_ lines: Range<Int>, _ seen: (_ line: Int) -> Range<Int>) {
      for line in lines {
        let keys = seen(line)
        base[line - lines.lowerBound] = tiles_seen(
          first: Int32(truncatingIfNeeded: keys.lowerBound), end: Int32(truncatingIfNeeded: keys.upperBound))
      }
    }
  }

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
    let scratch = (0..<pool.threads).map { _ in Scratch(width: widest, headDimension: shape.headDimension) }
    pool.run(parts.count * heads) { index, worker in
      let (place, head) = index.quotientAndRemainder(dividingBy: heads)
      let part = parts[place]
      let keyHead = head * shape.keyHeads / heads
      let q = queries.rows(part.rows).columns(shape.slice(head))
      let o = output.rows(part.rows).columns(shape.slice(head))
      let blocks = part.stretches.map { packed[$0.block * shape.keyHeads + keyHead] }
      tiles_begin()
      for panel in 0..<TileOperand.count(part.rows.count) {
        let lines = part.lines(panel: panel)
        scratch[worker].query.pack(
          panel: 0, of: q.rows(lines), linesAreRows: true, side: .left, scale: shape.scale, lines: lines.count)
        attend(part, panel: panel, blocks, scratch[worker], into: o.rows(lines)) { line, normalizer in
          normalizers?.row(part.rows.lowerBound + lines.lowerBound + line)[head] = normalizer
        }
      }
      tiles_end()
    }
  }

  /// A worker's memory: what is made of a panel of queries.
  private struct Scratch {
    let scores: Matrix
    let packed: TileOperand
    let query: TileOperand
    let sums: Matrix
    let seen = SeenLines()
    /// Sixteen partial maxima and partial sums of each line.
    let maxima = Matrix(uninitializedRows: TileAttention.extent, columns: 16)
    let totals = Matrix(uninitializedRows: TileAttention.extent, columns: 16)
    let largest = Matrix(uninitializedRows: 1, columns: TileAttention.extent)

    init(width: Int, headDimension: Int) {
      scores = Matrix(uninitializedRows: TileAttention.extent, columns: width)
      packed = TileOperand(lines: TileAttention.extent, depth: width)
      query = TileOperand(lines: TileAttention.extent, depth: headDimension)
      sums = Matrix(uninitializedRows: TileAttention.extent, columns: TileAttention.padded(headDimension))
    }
  }

  /// The output of one panel of queries, packed already, for one head.
  private func attend(
    _ part: Part, panel: Int, _ blocks: [PackedBlock], _ scratch: Scratch, into output: MatrixView,
    _ keepNormalizer: (_ line: Int, _ normalizer: Float) -> Void
  ) {
    let lines = part.lines(panel: panel)
    let (maxima, totals, largest) = (scratch.maxima.view, scratch.totals.view, scratch.largest.view.base)
    maxima.base.update(repeating: -.infinity, count: Self.extent * 16)
    totals.clear()
    for (index, stretch) in part.stretches.enumerated() {
      let scores = scratch.scores.view.base + stretch.column
      let panels = TileOperand.count(part.seen(index, panel: panel))
      for keys in 0..<panels {
        tiles_multiply(
          scratch.query.panel(0), blocks[index].keys.panel(stretch.start / Self.extent + keys), scratch.query.blocks,
          false, scores + keys * Self.extent, scratch.scores.columns)
      }
      scratch.seen.set(lines) { part.seen(index, row: $0) }
      tiles_maxima(
        scores, scratch.scores.columns, lines.count, panels * Self.extent, scratch.seen.base, maxima.base)
    }
    for line in 0..<lines.count { largest[line] = VectorMath.load(maxima.row(line)).max() }
    for (index, stretch) in part.stretches.enumerated() {
      let panels = TileOperand.count(part.seen(index, panel: panel))
      scratch.seen.set(lines) { part.seen(index, row: $0) }
      tiles_pack_exponentials(
        scratch.scores.view.base + stretch.column, scratch.scores.columns, lines.count, panels * Self.extent,
        scratch.seen.base, largest, totals.base, scratch.packed.panel(0, block: stretch.column / Self.extent))
      for columns in 0..<blocks[index].values.panels {
        tiles_multiply(
          scratch.packed.panel(0, block: stretch.column / Self.extent),
          blocks[index].values.panel(columns, block: stretch.start / Self.extent), panels, index > 0,
          scratch.sums.view.base + columns * Self.extent, scratch.sums.columns)
      }
    }
    for line in 0..<lines.count {
      let total = VectorMath.sum(VectorMath.load(totals.row(line)))
      keepNormalizer(line, largest[line] + VectorMath.logarithm(total))
      let inverse = 1 / total
      VectorMath.map(scratch.sums.view.row(line), into: output.row(line), shape.headDimension) { $0 * inverse }
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
}
