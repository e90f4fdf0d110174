/// Sums over whole matrices.
public enum Elementwise {
  /// y ← y + x. x, y: [n, m].
  public static func add(_ x: MatrixView, to y: MatrixView, pool: WorkerPool) {
    precondition(x.rows == y.rows && x.columns == y.columns)
    pool.ranges(x.rows, minimum: 16) { range, _ in
      for row in range { VectorMath.add(x.row(row), times: 1, to: y.row(row), x.columns) }
    }
  }

  /// y ← x. x, y: [n, m].
  public static func copy(_ x: MatrixView, into y: MatrixView) {
    precondition(x.rows == y.rows && x.columns == y.columns)
    for row in 0..<x.rows { y.row(row).update(from: x.row(row), count: x.columns) }
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
