import CKernels

extension TileAttention {
  /// Queries of a part, backward.
  private static let backwardRows = 128
  /// Keys that are gone through at a time: all that is made of them stays within the second-level cache.
  private static let keyChunk = 256

  /// A segment's keys and values, packed for one key head.
  private struct PackedSegment {
    /// Right side of q·kᵀ.
    let keys: TileOperand
    /// Right side of dO·vᵀ.
    let values: TileOperand
    /// Right side of dS·k, with the keys' columns as lines.
    let keyColumns: TileOperand
    /// Its rows in the packed matrices.
    let rows: Range<Int>
    /// Its first panel among the panels of all segments.
    let firstPanel: Int
  }

  /// A worker's memory.
  private struct Scratch {
    let query: TileOperand
    let queryColumns: TileOperand
    let gradient: TileOperand
    let gradientColumns: TileOperand
    /// Scaled scores of a panel of queries, and dP.
    let scores: Matrix
    let gradientScores: Matrix
    /// dS of a panel of queries.
    let packedRows: TileOperand
    /// dS and P of all queries, keys as lines.
    let packedGradient: TileOperand
    let packedProbabilities: TileOperand
    let querySums: Matrix
    let seen = SeenKeys()
    let softmaxRows = SoftmaxRows()

    init(headDimension d: Int) {
      let (rows, chunk) = (TileAttention.backwardRows, TileAttention.keyChunk)
      query = TileOperand(lines: rows, depth: d)
      queryColumns = TileOperand(lines: d, depth: rows)
      gradient = TileOperand(lines: rows, depth: d)
      gradientColumns = TileOperand(lines: d, depth: rows)
      scores = Matrix(uninitializedRows: TileOperand.extent, columns: chunk)
      gradientScores = Matrix(uninitializedRows: TileOperand.extent, columns: chunk)
      packedRows = TileOperand(lines: TileOperand.extent, depth: chunk)
      packedGradient = TileOperand(lines: chunk, depth: rows)
      packedProbabilities = TileOperand(lines: chunk, depth: rows)
      querySums = Matrix(uninitializedRows: rows, columns: AttentionPlan.padded(d))
    }
  }

  /// What the softmax of each line of a panel has to know.
  final class SoftmaxRows {
    let base = UnsafeMutablePointer<tiles_softmax_row>.allocate(capacity: TileOperand.extent)

    deinit { base.deallocate() }
  }

  /// Backward, as `Attention.backward`, from the outputs and normalizers that the forward pass left.
  func backward(
    _ pass: AttentionGradients, keys: MatrixView, values: MatrixView, packing: [SegmentRows], keyGradient: MatrixView,
    valueGradient: MatrixView
  ) {
    let groups = packing.map { $0.group(keys: keys, values: values) }
    let plan = AttentionPlan(shape, groups, queries: Self.backwardRows)
    let (blocks, parts) = (plan.blocks, plan.parts)
    let (heads, d) = (shape.heads, shape.headDimension)
    let segments = pack(blocks, keys: keys)
    let slices = shape.slices(threads: pool.threads)
    let panels = segments.last.map { $0.firstPanel + $0.keys.panels } ?? 0
    let sums = (0..<2).map { _ in
      Matrix(uninitializedRows: heads * slices, columns: panels * TileOperand.count(d) * Self.blockFloats)
    }
    let (keySums, valueSums) = (sums[0].view, sums[1].view)
    let scratch = (0..<pool.threads).map { _ in Scratch(headDimension: d) }
    pool.run(heads * slices) { index, worker in
      let (head, slice) = index.quotientAndRemainder(dividingBy: slices)
      keySums.rows(index..<index + 1).clear()
      valueSums.rows(index..<index + 1).clear()
      tiles_begin()
      for place in stride(from: slice, to: parts.count, by: slices) {
        add(
          parts[place], pass, head: head, segments: segments, scratch[worker], keySums: keySums.row(index),
          valueSums: valueSums.row(index))
      }
      tiles_end()
    }
    let distinct = stride(from: 0, to: segments.count, by: shape.keyHeads).map { segments[$0] }
    sum(keySums, segments: distinct, slices: slices, into: keyGradient)
    sum(valueSums, segments: distinct, slices: slices, into: valueGradient)
  }

  /// Numbers of a block of sums: dKᵀ or dVᵀ of 32 columns of a head and 32 keys, one block behind the other.
  private static let blockFloats = extent * extent

  /// Sums what the query heads of a key head have, and turns it round: blocks of [32, 32] become [n, d].
  private func sum(_ sums: MatrixView, segments: [PackedSegment], slices: Int, into target: MatrixView) {
    let d = shape.headDimension
    let summands = shape.heads / shape.keyHeads * slices
    let places = segments.flatMap { segment in (0..<segment.keys.panels).map { (segment, $0) } }
    pool.ranges(places.count) { range, _ in
      for (segment, panel) in places[range] {
        let first = segment.rows.lowerBound + panel * Self.extent
        let block = (segment.firstPanel + panel) * TileOperand.count(d) * Self.blockFloats
        for start in stride(from: 0, to: min(Self.extent, segment.rows.upperBound - first), by: 16) {
          let count = min(16, segment.rows.upperBound - first - start)
          for column in 0..<target.columns {
            let (keyHead, line) = column.quotientAndRemainder(dividingBy: d)
            var sum = VectorMath.Vector.zero
            for summand in 0..<summands {
              sum += VectorMath.load(sums.row(keyHead * summands + summand) + block + line * Self.extent + start)
            }
            for offset in 0..<count { target.row(first + start + offset)[column] = sum[offset] }
          }
        }
      }
    }
  }

  private func pack(_ blocks: [KeyBlock], keys: MatrixView) -> [PackedSegment] {
    let (keyHeads, d) = (shape.keyHeads, shape.headDimension)
    var firstPanel = 0
    let packed = blocks.flatMap { block in
      defer { firstPanel += TileOperand.count(block.keys.rows) }
      let start = keys.base.distance(to: block.keys.base) / keys.stride
      return (0..<keyHeads).map { _ in
        PackedSegment(
          keys: TileOperand(lines: block.keys.rows, depth: d), values: TileOperand(lines: block.keys.rows, depth: d),
          keyColumns: TileOperand(lines: d, depth: block.keys.rows), rows: start..<start + block.keys.rows,
          firstPanel: firstPanel)
      }
    }
    pool.run(packed.count) { index, _ in
      let (block, head) = index.quotientAndRemainder(dividingBy: keyHeads)
      let columns = head * d..<(head + 1) * d
      let keys = blocks[block].keys.columns(columns)
      let values = blocks[block].values.columns(columns)
      for panel in 0..<packed[index].keys.panels {
        packed[index].keys.pack(panel: panel, of: keys, linesAreRows: true, side: .right)
        packed[index].values.pack(panel: panel, of: values, linesAreRows: true, side: .right)
      }
      for panel in 0..<packed[index].keyColumns.panels {
        packed[index].keyColumns.pack(panel: panel, of: keys, linesAreRows: false, side: .right)
      }
    }
    return packed
  }

  /// One part's share of one head's gradients.
  private func add(
    _ part: AttentionPlan.Part, _ pass: AttentionGradients, head: Int, segments: [PackedSegment], _ scratch: Scratch,
    keySums: UnsafeMutablePointer<Float>, valueSums: UnsafeMutablePointer<Float>
  ) {
    let d = shape.headDimension
    let rows = part.rows.count
    let keyHead = head * shape.keyHeads / shape.heads
    let q = pass.queries.rows(part.rows).columns(shape.slice(head))
    let dO = pass.outputGradient.rows(part.rows).columns(shape.slice(head))
    let o = pass.outputs.rows(part.rows).columns(shape.slice(head))
    let panels = TileOperand.count(rows)
    for panel in 0..<panels {
      scratch.query.pack(panel: panel, of: q, linesAreRows: true, side: .left, scale: shape.scale, lines: rows)
      scratch.gradient.pack(panel: panel, of: dO, linesAreRows: true, side: .left, lines: rows)
    }
    for panel in 0..<TileOperand.count(d) {
      scratch.queryColumns.pack(panel: panel, of: q, linesAreRows: false, side: .left, depth: rows)
      scratch.gradientColumns.pack(panel: panel, of: dO, linesAreRows: false, side: .left, depth: rows)
    }
    let pulls = (0..<rows).map { VectorMath.dot(dO.row($0), o.row($0), d) }
    scratch.querySums.clear()
    for (index, stretch) in part.stretches.enumerated() {
      let segment = segments[stretch.block * shape.keyHeads + keyHead]
      for start in stride(from: 0, to: stretch.count, by: Self.keyChunk) {
        let count = min(Self.keyChunk, stretch.count - start)
        for panel in 0..<panels {
          let lines = part.lines(panel: panel)
          scratch.seen.set(lines) { line in
            let seen = part.seen(index, row: line).clamped(to: start..<start + count)
            return seen.lowerBound - start..<seen.upperBound - start
          }
          for (offset, line) in lines.enumerated() {
            scratch.softmaxRows.base[offset] = tiles_softmax_row(
              normalizer: pass.normalizers.row(part.rows.lowerBound + line)[head], pull: pulls[line],
              scale: shape.scale)
          }
          // Keys of the chunk that a query of the panel sees; the products with the keys want all.
          let seen = TileOperand.count(min(count, max(0, part.seen(index, panel: panel) - start)))
          panelGradient(
            scratch, segment, panel: panel, lines: lines.count, from: (stretch.start + start) / Self.extent, seen: seen,
            of: TileOperand.count(count))
        }
        let place = segment.firstPanel + (stretch.start + start) / Self.extent
        let offset = place * scratch.queryColumns.panels * Self.blockFloats
        let seen = TileOperand.count(count)
        addToKeys(scratch.packedGradient, scratch.queryColumns, panels: seen, rows: rows, into: keySums + offset)
        addToKeys(
          scratch.packedProbabilities, scratch.gradientColumns, panels: seen, rows: rows, into: valueSums + offset)
      }
    }
    let target = pass.queryGradient.rows(part.rows).columns(shape.slice(head))
    for row in 0..<rows { target.row(row).update(from: scratch.querySums.view.row(row), count: d) }
  }

  /// Scaled scores and dP = dO·Vᵀ of a panel of queries and a chunk of keys; packs P and dS, and dQ += dS·K.
  /// - Parameters:
  ///   - place: the chunk's first panel of keys in the segment.
  ///   - seen: panels of keys that the queries see; the others of `all` get zeros.
  private func panelGradient(
    _ scratch: Scratch, _ segment: PackedSegment, panel: Int, lines: Int, from place: Int, seen: Int, of all: Int
  ) {
    let (scores, gradient) = (scratch.scores.view.base, scratch.gradientScores.view.base)
    for keys in 0..<seen {
      tiles_multiply(
        scratch.query.panel(panel), segment.keys.panel(place + keys), scratch.query.blocks, false,
        scores + keys * Self.extent, Self.keyChunk)
      tiles_multiply(
        scratch.gradient.panel(panel), segment.values.panel(place + keys), scratch.gradient.blocks, false,
        gradient + keys * Self.extent, Self.keyChunk)
    }
    tiles_pack_softmax_gradient(
      scores, gradient, Self.keyChunk, lines, seen * Self.extent, scratch.seen.base, scratch.softmaxRows.base,
      scratch.packedRows.panel(0), scratch.packedGradient.panel(0, block: panel),
      scratch.packedProbabilities.panel(0, block: panel), scratch.packedGradient.blocks * TileOperand.blockBytes)
    for keys in seen..<all {
      scratch.packedGradient.clear(panel: keys, block: panel)
      scratch.packedProbabilities.clear(panel: keys, block: panel)
    }
    guard seen > 0 else { return }
    for columns in 0..<segment.keyColumns.panels {
      tiles_multiply(
        scratch.packedRows.panel(0), segment.keyColumns.panel(columns, block: place), seen, true,
        scratch.querySums.view.row(panel * Self.extent) + columns * Self.extent, scratch.querySums.columns)
    }
  }

  /// dKᵀ += Qᵀ · dS, or dVᵀ += dOᵀ · P, for some panels of keys.
  private func addToKeys(
    _ weights: TileOperand, _ lines: TileOperand, panels: Int, rows: Int, into sums: UnsafeMutablePointer<Float>
  ) {
    for keys in 0..<panels {
      for line in 0..<lines.panels {
        tiles_multiply(
          lines.panel(line), weights.panel(keys), TileOperand.count(rows), true,
          sums + (keys * lines.panels + line) * Self.blockFloats, Self.extent)
      }
    }
  }
}
