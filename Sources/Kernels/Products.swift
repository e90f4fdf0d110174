/// Matrix products spread over a worker pool. Each part of a product runs OpenBLAS on its own thread.
public struct Products: Sendable {
  private let blas: OpenBLAS
  /// The threads that share the work.
  public let pool: WorkerPool
  private let scratch: [Matrix]

  /// Rows of a weight that are widened at a time: with the longest rows still within the second-level cache.
  private static let scratchFloats = 1 << 18

  /// Products on a pool of `threads` threads.
  /// - Throws: `BLASError` if OpenBLAS cannot be loaded.
  public init(threads: Int) throws(BLASError) {
    blas = try OpenBLAS.loaded.get()
    pool = WorkerPool(threads: threads)
    scratch = (0..<pool.threads).map { _ in Matrix(rows: 1, columns: Self.scratchFloats) }
  }

  /// The kernels that OpenBLAS runs, by the name of the processor they were written for.
  public var coreName: String { blas.coreName }

  /// C ← α · op(A) · op(B) + β · C.
  /// - Parameters:
  ///   - a: [m, k], or [k, m] if transposed.
  ///   - b: [k, n], or [n, k] if transposed.
  ///   - c: [m, n].
  public func multiply(
    _ a: MatrixView, _ b: MatrixView, transposeA: Bool = false, transposeB: Bool = false, alpha: Float = 1,
    beta: Float = 0, into c: MatrixView
  ) {
    guard c.rows > 0, c.columns > 0 else { return }
    let pieces = pool.threads
    // Small products cost less than the wait for the other threads.
    if c.rows * c.columns * (transposeA ? a.rows : a.columns) < 1 << 16 || pieces == 1 {
      blas.product(a, b, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c)
    } else if c.rows >= c.columns {
      pool.run(pieces) { part, _ in
        let range = part * c.rows / pieces..<(part + 1) * c.rows / pieces
        guard !range.isEmpty else { return }
        let a = transposeA ? a.columns(range) : a.rows(range)
        blas.product(
          a, b, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c.rows(range))
      }
    } else {
      pool.run(pieces) { part, _ in
        let range = part * c.columns / pieces..<(part + 1) * c.columns / pieces
        guard !range.isEmpty else { return }
        let b = transposeB ? b.rows(range) : b.columns(range)
        blas.product(
          a, b, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c.columns(range))
      }
    }
  }

  /// The same on the calling thread alone, for use inside a part of a parallel loop.
  public func multiplyHere(
    _ a: MatrixView, _ b: MatrixView, transposeA: Bool = false, transposeB: Bool = false, alpha: Float = 1,
    beta: Float = 0, into c: MatrixView
  ) {
    guard c.rows > 0, c.columns > 0 else { return }
    blas.product(a, b, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c)
  }

  /// Linear layer, forward: Y ← X · Wᵀ.
  /// - Parameters:
  ///   - x: [n, in].
  ///   - weight: [out, in], widened a tile of rows at a time.
  ///   - y: [n, out].
  public func linear(_ x: MatrixView, _ weight: WeightMatrix, into y: MatrixView) {
    precondition(x.columns == weight.columns && y.columns == weight.rows && x.rows == y.rows)
    guard x.rows > 0 else { return }
    if x.rows <= BlockProducts.mostRows { return BlockProducts.linear(x, weight, into: y, pool: pool) }
    // Sixteen rows of a tile must fit: longer rows are taken a stretch at a time.
    let stretch = min(weight.columns, Self.scratchFloats / 16)
    let fitting = max(16, Self.scratchFloats / stretch / 16 * 16)
    let tile = min(fitting, max(16, (weight.rows + pool.threads - 1) / pool.threads))
    let tiles = (weight.rows + tile - 1) / tile
    pool.run(tiles) { part, worker in
      let range = part * tile..<min(weight.rows, (part + 1) * tile)
      for start in stride(from: 0, to: weight.columns, by: stretch) {
        let columns = start..<min(weight.columns, start + stretch)
        blas.product(
          x.columns(columns), widened(weight, rows: range, columns: columns, worker), transposeA: false,
          transposeB: true, alpha: 1, beta: start == 0 ? 0 : 1, into: y.columns(range))
      }
    }
  }

  /// Linear layer, backward to its input: dX ← dX + dY · W.
  /// - Parameters:
  ///   - dy: [n, out].
  ///   - weight: [out, in].
  ///   - dx: [n, in], added to.
  public func linearBackward(_ dy: MatrixView, _ weight: WeightMatrix, addingTo dx: MatrixView) {
    precondition(dx.columns == weight.columns && dy.columns == weight.rows && dx.rows == dy.rows)
    guard dx.rows > 0 else { return }
    // Each part owns a range of input columns, so that no two threads add to the same place; a row of it must fit
    // into the scratch memory.
    let blocks = weight.columns / weight.format.blockLength
    let pieces = max(1, min(max(pool.threads, 2 * weight.columns / Self.scratchFloats), blocks))
    pool.run(pieces) { part, worker in
      let unit = weight.format.blockLength
      let columns = part * blocks / pieces * unit..<(part + 1) * blocks / pieces * unit
      let tile = max(1, Self.scratchFloats / max(1, columns.count))
      var start = 0
      while start < weight.rows {
        let range = start..<min(weight.rows, start + tile)
        blas.product(
          dy.columns(range), widened(weight, rows: range, columns: columns, worker), transposeA: false,
          transposeB: false, alpha: 1, beta: 1, into: dx.columns(columns))
        start = range.upperBound
      }
    }
  }

  private func widened(_ weight: WeightMatrix, rows: Range<Int>, columns: Range<Int>, _ worker: Int) -> MatrixView {
    if let plain = weight.plainView { return plain.rows(rows).columns(columns) }
    let target = scratch[worker].view.base
    weight.widen(rows: rows, columns: columns, into: target)
    return MatrixView(base: target, rows: rows.count, columns: columns.count, stride: columns.count)
  }
}
