import CKernels

extension LaneAttention {
  /// Queries of a part, backward.
  private static let backwardRows = 96
  /// Keys that are gone through at a time: all that is made of them stays within the second-level cache.
  private static let keyChunk = 256

  /// A worker's memory.
  private struct Scratch {
    /// Scaled queries of a part, and their dO.
    let query: Matrix
    let gradient: Matrix
    /// Scaled scores of all queries and a chunk of keys, then P.
    let scores: Matrix
    /// dP, then dS but for the scale.
    let gradientScores: Matrix
    let normalizers = Matrix(uninitializedRows: 1, columns: LaneAttention.backwardRows)
    let pulls = Matrix(uninitializedRows: 1, columns: LaneAttention.backwardRows)
    let seen = SeenKeys()

    init(headDimension: Int) {
      let rows = LaneAttention.backwardRows
      let stride = LaneAttention.scoreStride(LaneAttention.keyChunk)
      query = Matrix(uninitializedRows: rows, columns: headDimension)
      gradient = Matrix(uninitializedRows: rows, columns: headDimension)
      scores = Matrix(uninitializedRows: rows, columns: stride)
      gradientScores = Matrix(uninitializedRows: rows, columns: stride)
    }
  }

  /// The keys and values of a pass, and where their gradients are added up.
  private struct Segments {
    /// The first row of each block in the packed matrices.
    let firstRows: [Int]
    let keys: MatrixView
    let packedKeys: LanePanels
    let packedValues: LanePanels
    /// [n, heads·slices·d].
    let keySums: MatrixView
    let valueSums: MatrixView
  }

  /// Backward, as `Attention.backward`, from the outputs and normalizers that the forward pass left.
  func backward(
    _ pass: AttentionGradients, keys: MatrixView, values: MatrixView, packing: [SegmentRows], keyGradient: MatrixView,
    valueGradient: MatrixView
  ) {
    let (heads, d) = (shape.heads, shape.headDimension)
    let plan = AttentionPlan(
      shape, packing.map { $0.group(keys: keys, values: values) }, queries: Self.backwardRows)
    let slices = shape.slices(threads: pool.threads)
    let sums = (0..<2).map { _ in Matrix(uninitializedRows: keys.rows, columns: heads * slices * d) }
    let segments = Segments(
      firstRows: plan.blocks.map { keys.base.distance(to: $0.keys.base) / keys.stride }, keys: keys,
      packedKeys: LanePanels(plan.blocks.map(\.keys), heads: shape.keyHeads, pool: pool),
      packedValues: LanePanels(plan.blocks.map(\.values), heads: shape.keyHeads, pool: pool),
      keySums: sums[0].view, valueSums: sums[1].view)
    let scratch = (0..<pool.threads).map { _ in Scratch(headDimension: d) }
    pool.run(heads * slices) { index, worker in
      let (head, slice) = index.quotientAndRemainder(dividingBy: slices)
      let columns = index * d..<(index + 1) * d
      segments.keySums.columns(columns).clear()
      segments.valueSums.columns(columns).clear()
      for place in stride(from: slice, to: plan.parts.count, by: slices) {
        add(plan.parts[place], pass, head: head, columns: columns, segments, scratch[worker])
      }
    }
    shape.sumOverSharedHeads(sums[0].view, slices: slices, into: keyGradient, pool: pool)
    shape.sumOverSharedHeads(sums[1].view, slices: slices, into: valueGradient, pool: pool)
  }

  /// One part's share of one head's gradients; those to keys and values go to `columns` of their sums.
  private func add(
    _ part: AttentionPlan.Part, _ pass: AttentionGradients, head: Int, columns: Range<Int>, _ segments: Segments,
    _ scratch: Scratch
  ) {
    let d = shape.headDimension
    let count = part.rows.count
    let o = pass.outputs.rows(part.rows).columns(shape.slice(head))
    let dQ = pass.queryGradient.rows(part.rows).columns(shape.slice(head))
    let (query, gradient) = (scratch.query.view.rows(0..<count), scratch.gradient.view.rows(0..<count))
    Self.copy(pass.queries.rows(part.rows).columns(shape.slice(head)), times: shape.scale, into: query)
    Elementwise.copy(pass.outputGradient.rows(part.rows).columns(shape.slice(head)), into: gradient)
    for row in 0..<count {
      scratch.normalizers.view.base[row] = pass.normalizers.row(part.rows.lowerBound + row)[head]
      scratch.pulls.view.base[row] = VectorMath.dot(gradient.row(row), o.row(row), d)
    }
    dQ.clear()
    let groups = Self.groups(count)
    for (index, stretch) in part.stretches.enumerated() {
      for start in stride(from: 0, to: stretch.count, by: Self.keyChunk) {
        let chunk = start..<min(stretch.count, start + Self.keyChunk)
        let seen = groups.map { part.seen(index, rows: $0).clamped(to: chunk) }
        for (rows, keys) in zip(groups, seen) where !keys.isEmpty {
          scratch.seen.set(rows) { row in
            let seen = part.seen(index, row: row).clamped(to: keys)
            return seen.lowerBound - keys.lowerBound..<seen.upperBound - keys.lowerBound
          }
          scoreGradients(
            stretch, head: head, rows: rows, keys: keys, column: keys.lowerBound - start, segments, scratch, into: dQ)
        }
        for first in stride(from: start, to: chunk.upperBound, by: AttentionPlan.extent) {
          let keys = first..<min(chunk.upperBound, first + AttentionPlan.extent)
          // What a group sees begins at a panel: who sees anything of this one has scores of its first key.
          let seeing = groups.indices.filter { seen[$0].lowerBound <= first && first < seen[$0].upperBound }
          guard let low = seeing.first, let high = seeing.last else { continue }
          addToKeys(
            stretch, rows: groups[low].lowerBound..<groups[high].upperBound, keys: keys, column: first - start,
            columns: columns, segments, scratch)
        }
      }
    }
    for row in 0..<count { VectorMath.map(dQ.row(row), into: dQ.row(row), d) { $0 * shape.scale } }
  }

  /// P and dS of a few queries and some keys of a stretch, and dQ += dS·K.
  /// - Parameter column: where the keys' scores are.
  private func scoreGradients(
    _ stretch: AttentionPlan.Stretch, head: Int, rows: Range<Int>, keys: Range<Int>, column: Int,
    _ segments: Segments, _ scratch: Scratch, into dQ: MatrixView
  ) {
    let d = shape.headDimension
    let keyHead = head * shape.keyHeads / shape.heads
    let key = stretch.start + keys.lowerBound
    let width = AttentionPlan.padded(keys.count)
    let stride = scratch.scores.columns
    let scores = scratch.scores.view.row(rows.lowerBound) + column
    let gradientScores = scratch.gradientScores.view.row(rows.lowerBound) + column
    func left(_ matrix: Matrix) -> lanes_left {
      lanes_left(numbers: matrix.view.row(rows.lowerBound), row: matrix.columns, step: 1)
    }
    kernels.functions.multiply(
      left(scratch.query), segments.packedKeys.panels(block: stretch.block, head: keyHead, from: key), rows.count,
      width, d, false, scores, stride)
    kernels.functions.multiply(
      left(scratch.gradient), segments.packedValues.panels(block: stretch.block, head: keyHead, from: key), rows.count,
      width, d, false, gradientScores, stride)
    kernels.functions.softmax_gradient(
      scores, gradientScores, stride, rows.count, width, scratch.seen.base,
      scratch.normalizers.view.base + rows.lowerBound, scratch.pulls.view.base + rows.lowerBound)
    let k = segments.keys.row(segments.firstRows[stretch.block] + key) + keyHead * d
    kernels.functions.multiply(
      lanes_left(numbers: gradientScores, row: stride, step: 1), Self.right(k, stride: segments.keys.stride),
      rows.count, d, keys.count, true, dQ.row(rows.lowerBound), dQ.stride)
  }

  /// dK += dSᵀ·Q and dV += Pᵀ·dO, of a few keys of a stretch and the queries that see any of them.
  private func addToKeys(
    _ stretch: AttentionPlan.Stretch, rows: Range<Int>, keys: Range<Int>, column: Int, columns: Range<Int>,
    _ segments: Segments, _ scratch: Scratch
  ) {
    let first = segments.firstRows[stretch.block] + stretch.start + keys.lowerBound
    func add(_ weights: Matrix, _ lines: Matrix, to sums: MatrixView) {
      kernels.functions.multiply(
        lanes_left(numbers: weights.view.row(rows.lowerBound) + column, row: 1, step: weights.columns),
        Self.right(lines.view.row(rows.lowerBound), stride: lines.columns), keys.count, columns.count, rows.count,
        true, sums.row(first) + columns.lowerBound, sums.stride)
    }
    add(scratch.gradientScores, scratch.query, to: segments.keySums)
    add(scratch.scores, scratch.gradient, to: segments.valueSums)
  }
}
