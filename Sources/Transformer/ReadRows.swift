import Kernels

/// Rows of a pass whose final states are read. Of the top layer only keys and values reach beyond a row, so that what
/// comes behind its attention is computed for these rows alone.
struct ReadRows {
  /// In ascending order, each once.
  let rows: [Int]
  /// Rows of the pass.
  let all: Int

  /// Some of a pass' rows; nil if they are none or all.
  init?(_ rows: [Int]?, of all: Int) {
    guard let rows else { return nil }
    self.rows = Set(rows).sorted()
    self.all = all
    if self.rows.isEmpty || self.rows.count == all { return nil }
  }

  /// Those rows of a matrix, [m, …].
  func gathered(_ x: Matrix) -> Matrix {
    let result = Matrix(uninitializedRows: rows.count, columns: x.columns)
    for (place, row) in rows.enumerated() { result.view.row(place).update(from: x.view.row(row), count: x.columns) }
    return result
  }

  /// A matrix of all rows, [n, …], with these where they belong and zeros elsewhere.
  func scattered(_ x: Matrix) -> Matrix {
    let result = Matrix(rows: all, columns: x.columns)
    for (place, row) in rows.enumerated() { result.view.row(row).update(from: x.view.row(place), count: x.columns) }
    return result
  }

  /// Writes them where they belong; the other rows become NaN, so that one that is read all the same shows.
  func scatter(_ x: Matrix, into y: MatrixView) {
    var next = 0
    for row in 0..<all {
      if next < rows.count, rows[next] == row {
        y.row(row).update(from: x.view.row(next), count: x.columns)
        next += 1
      } else {
        y.row(row).update(repeating: .nan, count: y.columns)
      }
    }
  }
}

extension PackedLayout {
  /// The rows of all sequences from some position of each on, in ascending order.
  /// - Parameter first: for each sequence, riders last.
  public func rows(from first: [Int]) -> [Int] {
    precondition(first.count == paths.count)
    var isRead = [Bool](repeating: false, count: rows)
    for (path, first) in zip(paths, first) {
      var passed = 0
      for range in path {
        for row in range.dropFirst(max(0, first - passed)) { isRead[row] = true }
        passed += range.count
      }
    }
    return isRead.indices.filter { isRead[$0] }
  }
}
