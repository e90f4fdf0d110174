import CKernels

/// Attention in float32 on processors with AVX2 or AVX-512, for groups of more than a few queries.
///
/// Every score and every number of an output is one sum in the order of its depth, and what a query does not see counts
/// as zero there: neither the queries beside it nor where its keys are cut change its bytes.
struct LaneAttention {
  let shape: Attention
  let pool: WorkerPool
  let kernels: LaneKernels

  /// Queries that are taken together: as many as the kernel has sums in registers for.
  static let groupRows = 12
  /// Queries of a part, forward.
  private static let blockRows = 48

  /// Forward, as `Attention.forward`.
  /// - Parameter normalizers: gets log Σ exp of each row's scaled scores, [n, heads], if it is given.
  func forward(
    queries: MatrixView, groups: [AttentionGroup], into output: MatrixView, normalizers: MatrixView?
  ) {
    let plan = AttentionPlan(shape, groups, queries: Self.blockRows, inLanes: true)
    let keys = LanePanels(plan.blocks.map(\.keys), heads: shape.keyHeads, pool: pool)
    let widest = plan.parts.map(\.width).max() ?? 0
    let scratch = (0..<pool.threads).map { _ in Scratch(width: widest, headDimension: shape.headDimension) }
    pool.run(plan.parts.count * shape.heads) { index, worker in
      let (place, head) = index.quotientAndRemainder(dividingBy: shape.heads)
      let part = plan.parts[place]
      for rows in Self.groups(part.rows.count) {
        attend(
          part, rows: rows, head: head, queries: queries, blocks: plan.blocks, keys, scratch[worker], into: output,
          normalizers: normalizers)
      }
    }
  }

  /// The queries of a part as they are taken together.
  static func groups(_ count: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: groupRows).map { $0..<min(count, $0 + groupRows) }
  }

  /// A worker's memory: what is made of a few queries.
  private struct Scratch {
    let query: Matrix
    let scores: Matrix
    let seen = SeenKeys()
    /// Sixteen partial maxima and partial sums of each query.
    let maxima = Matrix(uninitializedRows: LaneAttention.groupRows, columns: 16)
    let totals = Matrix(uninitializedRows: LaneAttention.groupRows, columns: 16)
    let largest = Matrix(uninitializedRows: 1, columns: LaneAttention.groupRows)

    init(width: Int, headDimension: Int) {
      query = Matrix(uninitializedRows: LaneAttention.groupRows, columns: headDimension)
      scores = Matrix(uninitializedRows: LaneAttention.groupRows, columns: LaneAttention.scoreStride(width))
    }
  }

  /// Floats from one row of scores to the next: whole cache lines, an odd number of them, as rows a power of two apart
  /// would lie in the same places of the first-level cache.
  static func scoreStride(_ width: Int) -> Int { AttentionPlan.padded(width) + 16 }

  /// The outputs of a few queries of a part, for one head.
  private func attend(
    _ part: AttentionPlan.Part, rows: Range<Int>, head: Int, queries: MatrixView, blocks: [KeyBlock],
    _ keys: LanePanels, _ scratch: Scratch, into output: MatrixView, normalizers: MatrixView?
  ) {
    let d = shape.headDimension
    let keyHead = head * shape.keyHeads / shape.heads
    let first = part.rows.lowerBound + rows.lowerBound
    let q = queries.rows(first..<first + rows.count).columns(shape.slice(head))
    let o = output.rows(first..<first + rows.count).columns(shape.slice(head))
    let query = scratch.query.view.rows(0..<rows.count)
    Self.copy(q, times: shape.scale, into: query)
    let left = lanes_left(numbers: query.base, row: query.stride, step: 1)
    let (maxima, totals, largest) = (scratch.maxima.view, scratch.totals.view, scratch.largest.view.base)
    let (scores, stride) = (scratch.scores.view.base, scratch.scores.columns)
    maxima.base.update(repeating: -.infinity, count: Self.groupRows * 16)
    totals.clear()
    let seen = part.stretches.indices.map { part.seen($0, rows: rows) }

    /// Calls `body` with the stretches of which something is seen, where the scores of what is seen begin, and how many
    /// there are with those from the first lane on.
    func stretches(
      _ body: (
        _ stretch: AttentionPlan.Stretch, _ keys: Range<Int>, _ scores: UnsafeMutablePointer<Float>, _ width: Int
      ) -> Void
    ) {
      for (index, stretch) in part.stretches.enumerated() where !seen[index].isEmpty {
        let start = seen[index].lowerBound - stretch.lane
        scratch.seen.set(rows) { row in
          let keys = part.seen(index, row: row)
          return keys.lowerBound - start..<keys.upperBound - start
        }
        body(
          stretch, seen[index], scores + stretch.column + seen[index].lowerBound,
          AttentionPlan.padded(stretch.lane + seen[index].count))
      }
    }
    stretches { stretch, seen, scores, width in
      let right = keys.panels(block: stretch.block, head: keyHead, from: stretch.start + seen.lowerBound)
      kernels.functions.multiply(left, right, rows.count, seen.count, d, false, scores, stride)
      kernels.functions.maxima(scores - stretch.lane, stride, rows.count, width, scratch.seen.base, maxima.base)
    }
    for row in 0..<rows.count { largest[row] = VectorMath.load(maxima.row(row)).max() }
    var isFirst = true
    stretches { stretch, seen, scores, width in
      kernels.functions.exponentials(
        scores - stretch.lane, stride, rows.count, width, scratch.seen.base, largest, totals.base)
      let values = blocks[stretch.block].values
      let right = Self.right(
        values.row(stretch.start + seen.lowerBound) + keyHead * d, stride: values.stride)
      kernels.functions.multiply(
        lanes_left(numbers: scores, row: stride, step: 1), right, rows.count, d, seen.count, !isFirst, o.base,
        o.stride)
      isFirst = false
    }
    for row in 0..<rows.count {
      let total = VectorMath.sum(VectorMath.load(totals.row(row)))
      normalizers?.row(first + row)[head] = largest[row] + VectorMath.logarithm(total)
      let inverse = 1 / total
      VectorMath.map(o.row(row), into: o.row(row), d) { $0 * inverse }
    }
  }

  /// Rows of a matrix as a right operand.
  static func right(_ numbers: UnsafePointer<Float>, stride: Int) -> lanes_right {
    lanes_right(numbers: numbers, step: stride, panel: LanePanels.extent)
  }

  static func copy(_ source: MatrixView, times factor: Float, into target: MatrixView) {
    for row in 0..<source.rows {
      VectorMath.map(source.row(row), into: target.row(row), source.columns) { $0 * factor }
    }
  }
}

/// Keys or values of some blocks, packed head by head: the right side of products with the transposed rows of a head.
///
/// A panel is [d, 32], of 32 rows; zeros fill up a block's last one.
struct LanePanels {
  /// Rows of a panel, and columns that the kernel takes together.
  static let extent = 32

  private let memory: Matrix
  /// The first panel of each block, of all heads.
  private let places: [Int]
  private let counts: [Int]
  private let depth: Int

  /// - Parameter blocks: [m, heads·d] each.
  init(_ blocks: [MatrixView], heads: Int, pool: WorkerPool) {
    let depth = (blocks.first?.columns ?? 0) / heads
    let counts = blocks.map { ($0.rows + Self.extent - 1) / Self.extent }
    var places: [Int] = []
    var panels = 0
    for count in counts {
      places.append(panels)
      panels += count * heads
    }
    let memory = Matrix(uninitializedRows: panels, columns: Self.extent * depth)
    pool.run(blocks.count * heads) { index, _ in
      let (block, head) = index.quotientAndRemainder(dividingBy: heads)
      let rows = blocks[block].columns(head * depth..<(head + 1) * depth)
      for panel in 0..<counts[block] {
        let start = panel * Self.extent
        lanes_pack(
          rows.row(start), rows.stride, min(Self.extent, rows.rows - start), depth,
          memory.view.row(places[block] + head * counts[block] + panel))
      }
    }
    (self.memory, self.places, self.counts, self.depth) = (memory, places, counts, depth)
  }

  /// The rows of a head of a block from `row` on, a multiple of 32.
  func panels(block: Int, head: Int, from row: Int) -> lanes_right {
    let panel = places[block] + head * counts[block] + row / Self.extent
    return lanes_right(numbers: memory.view.row(panel), step: Self.extent, panel: memory.columns)
  }
}
