import CKernels

/// Rows of several matrices side by side, in 16-bit words with a scale for each run of 32 numbers: what float32 numbers are
/// kept as when they are many and are wanted again later.
///
/// Each number is within 2⁻¹⁶ of its run's largest.
public final class RoundedRows: @unchecked Sendable {
  /// Rows.
  public let rows: Int
  /// Numbers of a row of each matrix.
  public let columns: [Int]
  /// Where each matrix's part of a row begins: its scales, then its words, in places of floats.
  private let starts: [Int]
  private let memory: Matrix

  private static let run = Int(rounded_run)

  /// Room for rows that are yet to be stored.
  public init(rows: Int, columns: [Int]) {
    (self.rows, self.columns) = (rows, columns)
    var starts = [0]
    for count in columns { starts.append(starts[starts.count - 1] + Self.places(count)) }
    self.starts = starts
    memory = Matrix(uninitializedRows: rows, columns: starts[columns.count])
  }

  /// Places of floats that a part of a row takes.
  private static func places(_ columns: Int) -> Int { scales(columns) + (columns + 1) / 2 }

  private static func scales(_ columns: Int) -> Int { (columns + run - 1) / run }

  /// Bytes of so many numbers.
  public static func bytes(rows: Int, columns: [Int]) -> Int {
    columns.reduce(0) { $0 + rows * places($1) * MemoryLayout<Float>.stride }
  }

  private func part(
    _ matrix: Int, row: Int
  ) -> (scales: UnsafeMutablePointer<Float>, words: UnsafeMutablePointer<Int16>) {
    let scales = memory.view.row(row) + starts[matrix]
    let words = UnsafeMutableRawPointer(scales + Self.scales(columns[matrix]))
    return (scales, words.assumingMemoryBound(to: Int16.self))
  }

  /// Stores some rows of a matrix.
  /// - Parameters:
  ///   - matrix: which of them.
  ///   - x: its rows, [range, columns].
  public func store(_ matrix: Int, _ range: Range<Int>, _ x: MatrixView) {
    precondition(x.rows == range.count && x.columns == columns[matrix])
    for (index, row) in range.enumerated() {
      let (scales, words) = part(matrix, row: row)
      rounded_store(x.row(index), x.columns, words, scales)
    }
  }

  /// Reads some rows of a matrix back.
  /// - Parameter x: where they go, [range, columns].
  public func load(_ matrix: Int, _ range: Range<Int>, into x: MatrixView) {
    precondition(x.rows == range.count && x.columns == columns[matrix])
    for (index, row) in range.enumerated() {
      let (scales, words) = part(matrix, row: row)
      rounded_load(words, scales, x.columns, x.row(index))
    }
  }

  /// Makes numbers what would be read back of them.
  /// - Parameter x: rows, replaced.
  public static func round(_ x: MatrixView) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, scales(x.columns))) { scales in
      withUnsafeTemporaryAllocation(of: Int16.self, capacity: max(1, x.columns)) { words in
        guard let scales = scales.baseAddress, let words = words.baseAddress else { return }
        for row in 0..<x.rows {
          rounded_store(x.row(row), x.columns, words, scales)
          rounded_load(words, scales, x.columns, x.row(row))
        }
      }
    }
  }
}
