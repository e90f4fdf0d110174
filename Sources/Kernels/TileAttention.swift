import CKernels

/// Attention on tile registers, for groups of many queries.
///
/// The padding of `AttentionPlan` lets every block's probabilities line up with its packed values.
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

  /// Forward, as `Attention.forward`.
  /// - Parameter normalizers: gets log Σ exp of each row's scaled scores, [n, heads], if it is given.
  func forward(
    queries: MatrixView, groups: [AttentionGroup], into output: MatrixView, normalizers: MatrixView?
  ) {
    let plan = AttentionPlan(shape, groups, queries: Self.blockRows)
    let (blocks, parts) = (plan.blocks, plan.parts)
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
    let seen = SeenKeys()
    /// Sixteen partial maxima and partial sums of each line.
    let maxima = Matrix(uninitializedRows: TileAttention.extent, columns: 16)
    let totals = Matrix(uninitializedRows: TileAttention.extent, columns: 16)
    let largest = Matrix(uninitializedRows: 1, columns: TileAttention.extent)

    init(width: Int, headDimension: Int) {
      scores = Matrix(uninitializedRows: TileAttention.extent, columns: width)
      packed = TileOperand(lines: TileAttention.extent, depth: width)
      query = TileOperand(lines: TileAttention.extent, depth: headDimension)
      sums = Matrix(uninitializedRows: TileAttention.extent, columns: AttentionPlan.padded(headDimension))
    }
  }

  /// The output of one panel of queries, packed already, for one head.
  private func attend(
    _ part: AttentionPlan.Part, panel: Int, _ blocks: [PackedBlock], _ scratch: Scratch, into output: MatrixView,
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
      lanes_wide_maxima(
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
