import CKernels

/// Products of tall matrices with narrow ones, the halves of low-rank updates, in lanes of float32.
///
/// A narrow matrix has p columns, a multiple of sixteen, with zeros beyond the rank. The tall one is read where it lies and
/// entries are dropped on the way: for tile registers it would have to be packed, to fill half of each tile.
public struct NarrowProducts: Sendable {
  private let pool: WorkerPool

  /// Ranks up to this are worth it.
  static let largestRank = 32
  /// Rows, or columns, whose sums are made together.
  private static let group = 8
  /// Rows that are gone through at a time where columns are summed up.
  private static let blockRows = 64
  /// Columns whose entries are dropped into scratch memory at a time, which stays in the first-level cache.
  private static let chunkColumns = 256

  /// Products on a pool.
  public init(pool: WorkerPool) { self.pool = pool }

  /// Columns of a narrow matrix for a rank.
  public static func columns(rank: Int) -> Int { (rank + 15) / 16 * 16 }

  /// The transpose of a factor [r, k] as a narrow matrix, [k, p].
  public static func transposed(_ factor: MatrixView) -> Matrix {
    let result = Matrix(rows: factor.columns, columns: columns(rank: factor.rows))
    for row in 0..<factor.rows {
      let source = factor.row(row)
      for column in 0..<factor.columns { result.view.row(column)[row] = source[column] }
    }
    return result
  }

  /// A factor [k, r] as a narrow matrix, [k, p].
  public static func padded(_ factor: MatrixView) -> Matrix {
    let result = Matrix(rows: factor.rows, columns: columns(rank: factor.columns))
    for row in 0..<factor.rows { result.view.row(row).update(from: factor.row(row), count: factor.columns) }
    return result
  }

  /// N ← α · drop(X) · F.
  /// - Parameters:
  ///   - x: [n, k].
  ///   - factor: F, [k, p].
  ///   - narrow: N, [n, p].
  public func project(
    _ x: MatrixView, dropout: RowDropout? = nil, _ factor: MatrixView, alpha: Float = 1, into narrow: MatrixView
  ) {
    precondition(factor.rows == x.columns && narrow.rows == x.rows && narrow.columns == factor.columns)
    pool.ranges((x.rows + Self.group - 1) / Self.group, minimum: 2) { groups, _ in
      let rows = groups.lowerBound * Self.group..<min(x.rows, groups.upperBound * Self.group)
      Self.project(
        x.rows(rows), firstRow: rows.lowerBound, dropout: dropout, factor, alpha: alpha, into: narrow.rows(rows))
    }
  }

  /// The same on the calling thread alone, for some rows of X.
  /// - Parameter firstRow: which row of X the first is, for dropout.
  public static func project(
    _ x: MatrixView, firstRow: Int, dropout: RowDropout?, _ factor: MatrixView, alpha: Float = 1,
    into narrow: MatrixView
  ) {
    withScratch(group * (chunkColumns + factor.columns)) { scratch in
      let sums = scratch + group * chunkColumns
      for first in stride(from: 0, to: x.rows, by: group) {
        let rows = first..<min(x.rows, first + group)
        sums.update(repeating: 0, count: rows.count * factor.columns)
        for start in stride(from: 0, to: x.columns, by: chunkColumns) {
          let columns = start..<min(x.columns, start + chunkColumns)
          let kept = kept(x, rows: rows, firstRow: firstRow, columns: columns, dropout, scratch)
          for lane in stride(from: 0, to: factor.columns, by: 16) {
            narrow_add(
              rows.count, columns.count, factor.row(start) + lane, factor.stride, kept.base, kept.stride, 1,
              sums + lane,
              factor.columns)
          }
        }
        for (offset, row) in rows.enumerated() {
          VectorMath.map(sums + offset * factor.columns, into: narrow.row(row), factor.columns) { $0 * alpha }
        }
      }
    }
  }

  /// drop(X)ᵀ · N, [k, p]; rows are added one after the other.
  /// - Parameters:
  ///   - x: [n, k], k a multiple of 16.
  ///   - narrow: N, [n, p].
  public func correlation(_ x: MatrixView, dropout: RowDropout? = nil, _ narrow: MatrixView) -> Matrix {
    precondition(narrow.rows == x.rows && x.columns % 16 == 0)
    let result = Matrix(rows: x.columns, columns: narrow.columns)
    pool.ranges(x.columns / 16) { vectors, _ in
      Self.withScratch(Self.blockRows * Self.chunkColumns) { scratch in
        for start in stride(from: vectors.lowerBound * 16, to: vectors.upperBound * 16, by: Self.chunkColumns) {
          let columns = start..<min(vectors.upperBound * 16, start + Self.chunkColumns)
          for first in stride(from: 0, to: x.rows, by: Self.blockRows) {
            let rows = first..<min(x.rows, first + Self.blockRows)
            let kept = Self.kept(x, rows: rows, columns: columns, dropout, scratch)
            for column in stride(from: 0, to: columns.count, by: Self.group) {
              for lane in stride(from: 0, to: narrow.columns, by: 16) {
                narrow_add(
                  Self.group, rows.count, narrow.row(first) + lane, narrow.stride, kept.base + column, 1, kept.stride,
                  result.view.row(start + column) + lane, result.columns)
              }
            }
          }
        }
      }
    }
    return result
  }

  /// Y ← Y + drop(N · F).
  /// - Parameters:
  ///   - narrow: N, [n, p].
  ///   - factor: F, [r, k], k a multiple of 16, r ≤ p.
  ///   - y: [n, k].
  public func expand(_ narrow: MatrixView, _ factor: MatrixView, dropout: RowDropout? = nil, addingTo y: MatrixView) {
    precondition(y.rows == narrow.rows && y.columns == factor.columns && y.columns % 16 == 0)
    pool.ranges((y.rows + Self.group - 1) / Self.group, minimum: 2) { groups, _ in
      Self.withScratch(Self.group * 16) { sums in
        for group in groups {
          let rows = group * Self.group..<min(y.rows, (group + 1) * Self.group)
          for column in stride(from: 0, to: y.columns, by: 16) {
            sums.update(repeating: 0, count: rows.count * 16)
            narrow_add(
              rows.count, factor.rows, factor.base + column, factor.stride, narrow.row(rows.lowerBound), narrow.stride,
              1, sums, 16)
            for (offset, row) in rows.enumerated() {
              var sum = VectorMath.load(sums + offset * 16)
              if let dropout { sum = dropout.kept(sum, row: row, column: column) }
              let target = y.row(row) + column
              VectorMath.store(VectorMath.load(target) + sum, target)
            }
          }
        }
      }
    }
  }

  private static func withScratch(_ floats: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: floats * MemoryLayout<Float>.stride, alignment: 64) { memory in
      if let base = memory.bindMemory(to: Float.self).baseAddress { body(base) }
    }
  }

  /// A part of a matrix with entries dropped, in scratch memory, or as it is if none are.
  private static func kept(
    _ x: MatrixView, rows: Range<Int>, firstRow: Int = 0, columns: Range<Int>, _ dropout: RowDropout?,
    _ scratch: UnsafeMutablePointer<Float>
  ) -> (base: UnsafePointer<Float>, stride: Int) {
    guard let dropout else { return (UnsafePointer(x.row(rows.lowerBound) + columns.lowerBound), x.stride) }
    for (offset, row) in rows.enumerated() {
      dropout.apply(x.row(row), row: firstRow + row, columns: columns, into: scratch + offset * chunkColumns)
    }
    return (UnsafePointer(scratch), chunkColumns)
  }
}
