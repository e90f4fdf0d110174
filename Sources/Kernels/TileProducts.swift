import CKernels

/// The last half of a low-rank update, added to what a layer gives: Y ← Y + s·N·Bᵀ.
public struct LowRankUpdate {
  /// N, [n, p], p ≥ r.
  let narrow: MatrixView
  /// B, [out, r].
  let b: MatrixView
  /// s.
  let scale: Float

  /// An update from its parts.
  public init(narrow: MatrixView, b: MatrixView, scale: Float) {
    self.narrow = narrow
    self.b = b
    self.scale = scale
  }
}

/// Matrix products on tile registers, where the processor has them: about three times as fast as float32 vectors.
///
/// Rounding: 16 bits of each number count, against 24 in float32; sums are float32. On sums of several hundred
/// products that is an error of about 1e-5 of the result's size.
struct TileProducts: Sendable {
  private let pool: WorkerPool
  /// One for each worker: a strip of widened weights and the panels packed from it.
  private let strips: [Matrix]
  private let panels: [Matrix]

  /// Columns of weights that are widened at a time: within the first-level cache for 32 rows.
  private static let stripColumns = 256
  /// Columns that are widened at a time for the product with the transposed weights.
  private static let widestPiece = 512
  /// Floats of packed weights at a time: within the second-level cache, beside what streams past them.
  private static let panelFloats = 320 << 10
  /// Blocks of depth that are summed before a result is written back.
  private static let depthBlocks = 48
  /// From this many rows on it pays to turn the weights round while packing them; below, the results.
  private static let tallRows = 256
  private static let extent = TileOperand.extent

  /// Whether processor and system have tile registers for bfloat16.
  static let areAvailable = tiles_request()

  init(pool: WorkerPool) {
    self.pool = pool
    strips = (0..<pool.threads).map { _ in Matrix(rows: Self.extent, columns: Self.widestPiece) }
    // A whole large page, or more.
    panels = (0..<pool.threads).map { _ in
      Matrix(uninitializedRows: 1, columns: max(Self.panelFloats, MatrixMemory.hugePage / MemoryLayout<Float>.stride))
    }
  }

  /// Packs an operand, its panels spread over the pool.
  func packed(
    _ x: MatrixView, linesAreRows: Bool, side: TileOperand.Side, scale: Float = 1
  ) -> TileOperand {
    let operand = TileOperand(
      lines: linesAreRows ? x.rows : x.columns, depth: linesAreRows ? x.columns : x.rows)
    pool.run(operand.panels) { panel, _ in
      operand.pack(panel: panel, of: x, linesAreRows: linesAreRows, side: side, scale: scale)
    }
    return operand
  }

  /// Packs rows that are made a panel at a time.
  func packed(
    rows: Int, columns: Int, side: TileOperand.Side, _ make: (_ rows: Range<Int>, _ target: MatrixView) -> Void
  ) -> TileOperand {
    let operand = TileOperand(lines: rows, depth: columns)
    let scratch = (0..<pool.threads).map { _ in Matrix(uninitializedRows: Self.extent, columns: columns) }
    pool.run(operand.panels) { panel, worker in
      let range = panel * Self.extent..<min(rows, (panel + 1) * Self.extent)
      let target = scratch[worker].view.rows(0..<range.count)
      make(range, target)
      tiles_pack_rows(
        target.base, target.stride, range.count, columns, 1, side == .right, operand.panel(panel))
    }
    return operand
  }

  /// C ← left · rightᵀ, or its transpose, added to C if asked.
  /// - Parameters:
  ///   - left: [m, k], packed as left side.
  ///   - right: [n, k], packed as right side.
  ///   - c: [m, n], or [n, m] if transposed.
  func multiply(
    _ left: TileOperand, _ right: TileOperand, accumulate: Bool, transposed: Bool = false, into c: MatrixView
  ) {
    let cutsLeft = left.panels >= right.panels
    let panels = cutsLeft ? left.panels : right.panels
    let pieces = min(panels, pool.threads == 1 ? 1 : pool.threads * 4)
    pool.run(pieces) { piece, _ in
      let part = piece * panels / pieces..<(piece + 1) * panels / pieces
      tiles_begin()
      for start in stride(from: 0, to: left.blocks, by: Self.depthBlocks) {
        let blocks = min(Self.depthBlocks, left.blocks - start)
        for i in cutsLeft ? part : 0..<left.panels {
          for j in cutsLeft ? 0..<right.panels : part {
            Self.multiply(
              left.panel(i, block: start), right.panel(j, block: start), blocks: blocks,
              accumulate: accumulate || start > 0, into: c, row: (transposed ? j : i) * Self.extent,
              column: (transposed ? i : j) * Self.extent, transposed: transposed)
          }
        }
      }
      tiles_end()
    }
  }

  /// One block of a result, [32, 32] or what there is of it at an edge.
  /// - Parameter more: a block of each side that lies elsewhere, as if it were one more of depth.
  static func multiply(
    _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, blocks: Int,
    more: (left: UnsafeRawPointer, right: UnsafeRawPointer)? = nil, accumulate: Bool, into c: MatrixView, row: Int,
    column: Int, transposed: Bool = false
  ) {
    let product = transposed ? tiles_multiply_transposed_and : tiles_multiply_and
    if row + extent <= c.rows, column + extent <= c.columns {
      return product(left, right, blocks, more?.left, more?.right, accumulate, c.row(row) + column, c.stride)
    }
    withUnsafeTemporaryAllocation(byteCount: extent * extent * 4, alignment: 64) { memory in
      guard let sums = memory.bindMemory(to: Float.self).baseAddress else { return }
      let (height, width) = (min(extent, c.rows - row), min(extent, c.columns - column))
      if accumulate {
        // What lies beyond the edge is never looked at, but it must be a number.
        sums.update(repeating: 0, count: extent * extent)
        for offset in 0..<height { (sums + offset * extent).update(from: c.row(row + offset) + column, count: width) }
      }
      product(left, right, blocks, more?.left, more?.right, accumulate, sums, extent)
      for offset in 0..<height { (c.row(row + offset) + column).update(from: sums + offset * extent, count: width) }
    }
  }

  /// Which side of the product a linear layer wants its input on.
  static func inputSide(rows: Int) -> TileOperand.Side { rows >= tallRows ? .left : .right }

  /// Y ← X · Wᵀ, or X · Wᵀ + N · Bᵀ: the update is one more block of depth.
  /// - Parameters:
  ///   - x: [n, in], packed for `inputSide(rows: n)`.
  ///   - weight: [out, in].
  ///   - update: of a rank up to `extent`.
  ///   - y: [n, out].
  func linear(_ x: TileOperand, _ weight: WeightMatrix, update: LowRankUpdate? = nil, into y: MatrixView) {
    let side = Self.inputSide(rows: x.lines)
    let narrow = update.map { update in
      packed(update.narrow.columns(0..<update.b.columns), linesAreRows: true, side: side, scale: update.scale)
    }
    let chunk = evenChunk(of: weight.columns, limit: 32 * Self.extent * 2)
    let panels = TileOperand.count(weight.rows)
    let fitting = max(1, Self.panelFloats / (Self.extent * (chunk + Self.extent)))
    pool.panels(panels, fitting: side == .left ? fitting : min(fitting, 4), lines: nil) { part, _, worker in
      let packed = UnsafeMutableRawPointer(self.panels[worker].view.base)
      let factors = packed + part.count * TileOperand.count(chunk) * TileOperand.blockBytes
      tiles_begin()
      if let update {
        for (index, panel) in part.enumerated() {
          let rows = panel * Self.extent..<min(weight.rows, (panel + 1) * Self.extent)
          tiles_pack_rows(
            update.b.row(rows.lowerBound), update.b.stride, rows.count, update.b.columns, 1, side == .left,
            factors + index * TileOperand.blockBytes)
        }
      }
      for start in stride(from: 0, to: weight.columns, by: chunk) {
        let columns = start..<min(weight.columns, start + chunk)
        let blocks = TileOperand.count(columns.count)
        let bytes = blocks * TileOperand.blockBytes
        for (index, panel) in part.enumerated() {
          let rows = panel * Self.extent..<min(weight.rows, (panel + 1) * Self.extent)
          pack(weight, rows: rows, columns: columns, pairs: side == .left, worker, into: packed + index * bytes)
        }
        func sides(_ input: UnsafeRawPointer, _ weight: UnsafeRawPointer) -> (UnsafeRawPointer, UnsafeRawPointer) {
          side == .left ? (input, weight) : (weight, input)
        }
        let isLast = columns.upperBound == weight.columns
        for line in 0..<x.panels {
          let input = x.panel(line, block: start / Self.extent)
          for (index, panel) in part.enumerated() {
            let (left, right) = sides(input, packed + index * bytes)
            let more =
              isLast ? narrow.map { sides($0.panel(line), factors + index * TileOperand.blockBytes) } : nil
            Self.multiply(
              left, right, blocks: blocks, more: more.map { (left: $0.0, right: $0.1) }, accumulate: start > 0, into: y,
              row: line * Self.extent, column: panel * Self.extent, transposed: side == .right)
          }
        }
      }
      tiles_end()
    }
  }

  /// Widens and packs up to 32 rows of a weight.
  private func pack(
    _ weight: WeightMatrix, rows: Range<Int>, columns: Range<Int>, pairs: Bool, _ worker: Int,
    into panel: UnsafeMutableRawPointer
  ) {
    let strip = strips[worker].view.base
    for start in stride(from: 0, to: columns.count, by: Self.stripColumns) {
      let count = min(Self.stripColumns, columns.count - start)
      let first = columns.lowerBound + start
      weight.widen(rows: rows, columns: first..<first + count, into: strip)
      tiles_pack_rows(
        strip, count, rows.count, count, 1, pairs, panel + start / Self.extent * TileOperand.blockBytes)
    }
  }

  /// dX ← dY · W, added to dX if asked.
  /// - Parameters:
  ///   - dy: [n, out], packed as left side.
  ///   - weight: [out, in].
  ///   - dx: [n, in].
  func linearBackward(_ dy: TileOperand, _ weight: WeightMatrix, accumulate: Bool, into dx: MatrixView) {
    let panels = TileOperand.count(weight.columns)
    // Each part owns a range of input columns, so that no two threads add to the same place.
    pool.panels(panels, fitting: Self.widestPiece / Self.extent, lines: nil) { part, _, worker in
      let columns = part.lowerBound * Self.extent..<min(weight.columns, part.upperBound * Self.extent)
      let packed = UnsafeMutableRawPointer(self.panels[worker].view.base)
      let chunk = evenChunk(of: weight.rows, limit: Self.panelFloats / (part.count * Self.extent))
      let strip = strips[worker].view.base
      tiles_begin()
      for start in stride(from: 0, to: weight.rows, by: chunk) {
        let rows = start..<min(weight.rows, start + chunk)
        let blocks = TileOperand.count(rows.count)
        let bytes = blocks * TileOperand.blockBytes
        for block in 0..<blocks {
          let first = start + block * Self.extent
          let count = min(Self.extent, rows.upperBound - first)
          weight.widen(rows: first..<first + count, columns: columns, into: strip)
          for index in 0..<part.count {
            let offset = index * Self.extent
            tiles_pack_columns(
              strip + offset, columns.count, min(Self.extent, columns.count - offset), count, 1, true,
              packed + index * bytes + block * TileOperand.blockBytes)
          }
        }
        for line in 0..<dy.panels {
          let gradient = dy.panel(line, block: start / Self.extent)
          for (index, panel) in part.enumerated() {
            Self.multiply(
              gradient, packed + index * bytes, blocks: blocks, accumulate: accumulate || start > 0, into: dx,
              row: line * Self.extent, column: panel * Self.extent)
          }
        }
      }
      tiles_end()
    }
  }

  /// Nearly equal stretches of `extent`, each a multiple of 32 and at most about `limit` long.
  private func evenChunk(of extent: Int, limit: Int) -> Int {
    let most = max(1, limit / Self.extent)
    let blocks = TileOperand.count(extent)
    let chunks = (blocks + most - 1) / most
    return (blocks + chunks - 1) / chunks * Self.extent
  }
}
