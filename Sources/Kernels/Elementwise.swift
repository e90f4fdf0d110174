/// Sums over whole matrices.
public enum Elementwise {
  /// y ← y + x. x, y: [n, m].
  public static func add(_ x: MatrixView, to y: MatrixView, pool: WorkerPool) {
    precondition(x.rows == y.rows && x.columns == y.columns)
    pool.ranges(x.rows, minimum: 16) { range, _ in
      for row in range { VectorMath.add(x.row(row), times: 1, to: y.row(row), x.columns) }
    }
  }

  /// y ← y + b, the same m numbers to each row. y: [n, m].
  public static func add(_ bias: [Float], toEachRowOf y: MatrixView, pool: WorkerPool) {
    precondition(bias.count == y.columns)
    bias.withUnsafeBufferPointer { bias in
      guard let b = bias.baseAddress else { return }
      pool.ranges(y.rows, minimum: 16) { range, _ in
        for row in range { VectorMath.add(b, times: 1, to: y.row(row), y.columns) }
      }
    }
  }

  /// y ← factor · y. y: [n, m].
  public static func scale(_ y: MatrixView, by factor: Float) {
    for row in 0..<y.rows { VectorMath.map(y.row(row), into: y.row(row), y.columns) { $0 * factor } }
  }

  /// y ← x. x, y: [n, m].
  /// - Parameter pool: threads to share the work, worth it for large matrices.
  public static func copy(_ x: MatrixView, into y: MatrixView, pool: WorkerPool? = nil) {
    precondition(x.rows == y.rows && x.columns == y.columns)
    func copy(_ rows: Range<Int>) {
      for row in rows { y.row(row).update(from: x.row(row), count: x.columns) }
    }
    guard let pool else { return copy(0..<x.rows) }
    pool.ranges(x.rows, minimum: 64) { rows, _ in copy(rows) }
  }

  /// Σ x², in double precision.
  public static func squaredNorm(_ x: MatrixView) -> Double {
    var total = 0.0
    for row in 0..<x.rows {
      let values = x.row(row)
      for column in 0..<x.columns { total += Double(values[column]) * Double(values[column]) }
    }
    return total
  }
}
