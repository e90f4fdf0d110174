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
    /// Its first row in the packed matrices.
    let start: Int
  }

  /// A worker's memory.
  private struct Scratch {
    let query: TileOperand
    let queryColumns: TileOperand
    let gradient: TileOperand
    let gradientColumns: TileOperand
    let probabilities: Matrix
    let scoreGradient: Matrix
    let packedRows: TileOperand
    let packedColumns: TileOperand
    let querySums: Matrix

    init(headDimension d: Int) {
      let (rows, chunk) = (TileAttention.backwardRows, TileAttention.keyChunk)
      query = TileOperand(lines: rows, depth: d)
      queryColumns = TileOperand(lines: d, depth: rows)
      gradient = TileOperand(lines: rows, depth: d)
      gradientColumns = TileOperand(lines: d, depth: rows)
      probabilities = Matrix(uninitializedRows: rows, columns: chunk)
      scoreGradient = Matrix(uninitializedRows: rows, columns: chunk)
      packedRows = TileOperand(lines: rows, depth: chunk)
      packedColumns = TileOperand(lines: TileOperand.extent, depth: rows)
      querySums = Matrix(uninitializedRows: rows, columns: TileAttention.padded(d))
    }
  }

  /// What one pass backward reads and writes.
  struct Gradients {
    let queries: MatrixView
    let outputs: MatrixView
    let normalizers: MatrixView
    let outputGradient: MatrixView
    let queryGradient: MatrixView
  }

  /// Backward, as `Attention.backward`, from the outputs and normalizers that the forward pass left.
  func backward(
    _ pass: Gradients, keys: MatrixView, values: MatrixView, packing: [SegmentRows], keyGradient: MatrixView,
    valueGradient: MatrixView
  ) {
    let groups = packing.map { $0.group(keys: keys, values: values) }
    let (blocks, parts) = plan(groups, blockRows: Self.backwardRows)
    let (heads, d) = (shape.heads, shape.headDimension)
    let segments = pack(blocks, keys: keys)
    // Several sums for each head, so that there is work for all threads; they are added up in a fixed order.
    let slices = heads % pool.threads == 0 ? 1 : min(4, (2 * pool.threads + heads - 1) / heads + 1)
    let keyParts = Matrix(uninitializedRows: heads * slices * d, columns: keys.rows)
    let valueParts = Matrix(uninitializedRows: heads * slices * d, columns: keys.rows)
    let scratch = (0..<pool.threads).map { _ in Scratch(headDimension: d) }
    pool.run(heads * slices) { index, worker in
      let (head, slice) = index.quotientAndRemainder(dividingBy: slices)
      let lines = index * d..<(index + 1) * d
      keyParts.view.rows(lines).clear()
      valueParts.view.rows(lines).clear()
      tiles_begin()
      for place in stride(from: slice, to: parts.count, by: slices) {
        add(
          parts[place], pass, head: head, segments: segments, scratch[worker],
          keyParts: keyParts.view.rows(lines), valueParts: valueParts.view.rows(lines))
      }
      tiles_end()
    }
    sum(keyParts.view, slices: slices, into: keyGradient)
    sum(valueParts.view, slices: slices, into: valueGradient)
  }

  /// Sums what the query heads of a key head have, and turns it round: [d, n] for each part becomes [n, d].
  private func sum(_ parts: MatrixView, slices: Int, into target: MatrixView) {
    let d = shape.headDimension
    let summands = shape.heads / shape.keyHeads * slices
    pool.ranges((target.rows + 15) / 16, minimum: 2) { vectors, _ in
      for start in vectors {
        let row = start * 16
        let count = min(16, target.rows - row)
        for column in 0..<target.columns {
          let (keyHead, place) = column.quotientAndRemainder(dividingBy: d)
          let first = keyHead * summands * d + place
          if count < 16 {
            for offset in row..<row + count {
              var sum: Float = 0
              for summand in 0..<summands { sum += parts.row(first + summand * d)[offset] }
              target.row(offset)[column] = sum
            }
            continue
          }
          var sum = SIMD16<Float>()
          for summand in 0..<summands { sum += VectorMath.load(parts.row(first + summand * d) + row) }
          for offset in 0..<16 { target.row(row + offset)[column] = sum[offset] }
        }
      }
    }
  }

  private func pack(_ blocks: [KeyBlock], keys: MatrixView) -> [PackedSegment] {
    let (keyHeads, d) = (shape.keyHeads, shape.headDimension)
    let packed = blocks.flatMap { block in
      (0..<keyHeads).map { _ in
        PackedSegment(
          keys: TileOperand(lines: block.keys.rows, depth: d), values: TileOperand(lines: block.keys.rows, depth: d),
          keyColumns: TileOperand(lines: d, depth: block.keys.rows),
          start: keys.base.distance(to: block.keys.base) / keys.stride)
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
    _ part: Part, _ pass: Gradients, head: Int, segments: [PackedSegment], _ scratch: Scratch, keyParts: MatrixView,
    valueParts: MatrixView
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
        // Keys of the chunk that a panel of queries sees, and that a query of the last stretch sees.
        let seenByPanel = (0..<panels).map { min(count, max(0, part.seen(index, panel: $0) - start)) }
        let place = stretch.start + start
        scores(scratch, segment, from: place, seenByPanel)
        for row in 0..<rows {
          let seen = part.seen(index, row: row).clamped(to: start..<start + count)
          softmaxGradient(
            scratch.probabilities.view.row(row), scratch.scoreGradient.view.row(row),
            seen: seen.lowerBound - start..<seen.upperBound - start,
            padded: Self.padded(count), normalizer: pass.normalizers.row(part.rows.lowerBound + row)[head],
            pull: pulls[row])
        }
        addToQueries(scratch, segment, from: place, seenByPanel, rows: rows)
        let first = segment.start + place
        addToKeys(
          scratch.scoreGradient, scratch.queryColumns, scratch, rows: rows,
          into: keyParts.columns(first..<first + count))
        addToKeys(
          scratch.probabilities, scratch.gradientColumns, scratch, rows: rows,
          into: valueParts.columns(first..<first + count))
      }
    }
    let target = pass.queryGradient.rows(part.rows).columns(shape.slice(head))
    for row in 0..<rows { target.row(row).update(from: scratch.querySums.view.row(row), count: d) }
  }

  /// Scaled scores and dP = dO·Vᵀ of a chunk of keys, as far as each panel of queries sees them.
  private func scores(_ scratch: Scratch, _ segment: PackedSegment, from start: Int, _ seenByPanel: [Int]) {
    for (panel, count) in seenByPanel.enumerated() {
      let scores = scratch.probabilities.view.row(panel * Self.extent)
      let gradient = scratch.scoreGradient.view.row(panel * Self.extent)
      for keys in 0..<TileOperand.count(count) {
        let place = start / Self.extent + keys
        tiles_multiply(
          scratch.query.panel(panel), segment.keys.panel(place), scratch.query.blocks, false,
          scores + keys * Self.extent, Self.keyChunk)
        tiles_multiply(
          scratch.gradient.panel(panel), segment.values.panel(place), scratch.gradient.blocks, false,
          gradient + keys * Self.extent, Self.keyChunk)
      }
    }
  }

  /// Scores become probabilities, dP becomes dS = scale · P∘(dP − pull); zeros where nothing is seen.
  private func softmaxGradient(
    _ p: UnsafeMutablePointer<Float>, _ dP: UnsafeMutablePointer<Float>, seen: Range<Int>, padded: Int,
    normalizer: Float, pull: Float
  ) {
    let scale = shape.scale
    var index = seen.lowerBound / 16 * 16
    while index < seen.upperBound {
      let probability = VectorMath.exponential(VectorMath.load(p + index) - normalizer)
      VectorMath.store(probability, p + index)
      VectorMath.store(probability * (VectorMath.load(dP + index) - pull) * scale, dP + index)
      index += 16
    }
    // Vectors went past what is seen on both sides, at most to the end of the padding.
    p.update(repeating: 0, count: seen.lowerBound)
    dP.update(repeating: 0, count: seen.lowerBound)
    (p + seen.upperBound).update(repeating: 0, count: padded - seen.upperBound)
    (dP + seen.upperBound).update(repeating: 0, count: padded - seen.upperBound)
  }

  /// dQ += dS · K.
  private func addToQueries(
    _ scratch: Scratch, _ segment: PackedSegment, from start: Int, _ seenByPanel: [Int], rows: Int
  ) {
    for (panel, count) in seenByPanel.enumerated() where count > 0 {
      let lines = min(Self.extent, rows - panel * Self.extent)
      tiles_pack_rows(
        scratch.scoreGradient.view.row(panel * Self.extent), Self.keyChunk, lines, Self.padded(count), 1, false,
        scratch.packedRows.panel(panel))
      for columns in 0..<segment.keyColumns.panels {
        tiles_multiply(
          scratch.packedRows.panel(panel), segment.keyColumns.panel(columns, block: start / Self.extent),
          TileOperand.count(count), true, scratch.querySums.view.row(panel * Self.extent) + columns * Self.extent,
          scratch.querySums.columns)
      }
    }
  }

  /// dKᵀ += Qᵀ · dS, or dVᵀ += dOᵀ · P.
  private func addToKeys(
    _ weights: Matrix, _ lines: TileOperand, _ scratch: Scratch, rows: Int, into target: MatrixView
  ) {
    let packed = scratch.packedColumns.panel(0)
    for keys in 0..<TileOperand.count(target.columns) {
      tiles_pack_columns(
        weights.view.base + keys * Self.extent, Self.keyChunk,
        min(Self.extent, target.columns - keys * Self.extent), rows, 1, true, packed)
      for line in 0..<lines.panels {
        TileProducts.multiply(
          lines.panel(line), packed, blocks: TileOperand.count(rows), accumulate: true, into: target,
          row: line * Self.extent, column: keys * Self.extent)
      }
    }
  }
}
