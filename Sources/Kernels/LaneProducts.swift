import CKernels

/// Matrix products in lanes of float32 for rows that must not depend on those beside them, on processors for which OpenBLAS
/// rounds a row by its place among others.
///
/// Every number of a result is one sum in the order of the depth.
struct LaneProducts {
  let kernels: LaneKernels
  let pool: WorkerPool

  /// Lines that are packed side by side.
  private static let extent = LanePanels.extent
  /// Floats of a weight that a worker packs at a time: within the second-level cache.
  private static let packedFloats = 1 << 16

  /// Y ← X · Wᵀ.
  /// - Parameters:
  ///   - x: [n, in].
  ///   - weight: [out, in].
  ///   - y: [n, out].
  ///   - widened: some rows and columns of the weight in float32, in a worker's memory.
  func linear(
    _ x: MatrixView, _ weight: WeightMatrix, into y: MatrixView,
    widened: (_ rows: Range<Int>, _ columns: Range<Int>, _ worker: Int) -> MatrixView
  ) {
    let stretch = min(weight.columns, Self.packedFloats / Self.extent)
    guard stretch > 0, x.rows > 0 else { return }
    let share = (weight.rows + pool.threads - 1) / pool.threads
    let panels = max(1, min(Self.packedFloats / stretch, share) / Self.extent)
    let tile = panels * Self.extent
    let memory = (0..<pool.threads).map { _ in Matrix(uninitializedRows: panels, columns: Self.extent * stretch) }
    pool.run((weight.rows + tile - 1) / tile) { part, worker in
      let range = part * tile..<min(weight.rows, (part + 1) * tile)
      for start in Swift.stride(from: 0, to: weight.columns, by: stretch) {
        let columns = start..<min(weight.columns, start + stretch)
        let right = pack(widened(range, columns, worker), into: memory[worker].view.base)
        let left = lanes_left(numbers: x.base + start, row: x.stride, step: 1)
        kernels.functions.multiply(
          left, right, x.rows, range.count, columns.count, start > 0, y.base + range.lowerBound, y.stride)
      }
    }
  }

  /// C ← α · A · op(B), added to C if asked.
  /// - Parameters:
  ///   - a: [m, k].
  ///   - b: [k, n], or [n, k] if transposed.
  ///   - c: [m, n].
  func multiply(
    _ a: MatrixView, _ b: MatrixView, transposeB: Bool, alpha: Float, accumulate: Bool, into c: MatrixView
  ) {
    let scaled = alpha == 1 ? nil : Matrix(uninitializedRows: a.rows, columns: a.columns)
    if let scaled { LaneAttention.copy(a, times: alpha, into: scaled.view) }
    let rows = scaled?.view ?? a
    let left = lanes_left(numbers: rows.base, row: rows.stride, step: 1)
    let panels = (c.columns + Self.extent - 1) / Self.extent
    let memory =
      transposeB ? (0..<pool.threads).map { _ in Matrix(uninitializedRows: 1, columns: Self.extent * a.columns) } : []
    pool.run(panels) { panel, worker in
      let range = panel * Self.extent..<min(c.columns, (panel + 1) * Self.extent)
      let right =
        transposeB
        ? pack(b.rows(range), into: memory[worker].view.base)
        : LaneAttention.right(b.base + range.lowerBound, stride: b.stride)
      kernels.functions.multiply(
        left, right, c.rows, range.count, a.columns, accumulate, c.base + range.lowerBound, c.stride)
    }
  }

  /// Rows as the columns of a right operand.
  private func pack(_ rows: MatrixView, into memory: UnsafeMutablePointer<Float>) -> lanes_right {
    let panel = Self.extent * rows.columns
    for first in Swift.stride(from: 0, to: rows.rows, by: Self.extent) {
      lanes_pack(
        rows.row(first), rows.stride, min(Self.extent, rows.rows - first), rows.columns,
        memory + first / Self.extent * panel)
    }
    return lanes_right(numbers: memory, step: Self.extent, panel: panel)
  }
}
