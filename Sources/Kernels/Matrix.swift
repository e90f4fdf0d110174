/// A row-major matrix of floats that owns its memory.
///
/// Kernels write through `view`; whoever hands a matrix to several threads sees to it that they write different parts.
public final class Matrix: @unchecked Sendable {
  /// Rows; a row has `columns` floats and the next one follows directly.
  public let rows: Int
  /// Columns.
  public let columns: Int
  /// Nil where the memory is another matrix'.
  private let memory: MatrixMemory.Block?
  private let whole: Matrix?
  private let base: UnsafeMutablePointer<Float>

  /// A matrix of zeros.
  public convenience init(rows: Int, columns: Int) {
    self.init(uninitializedRows: rows, columns: columns)
    clear()
  }

  /// A matrix whose entries are yet to be written: reading one before that gives anything.
  public init(uninitializedRows rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    let memory = MatrixMemory.allocate(rows * columns)
    (self.memory, whole, base) = (memory, nil, memory.base)
  }

  private init(rows: Int, columns: Int, in whole: Matrix, at offset: Int) {
    self.rows = rows
    self.columns = columns
    (memory, self.whole, base) = (nil, whole, whole.base + offset)
  }

  /// Matrices of as many rows whose entries are yet to be written, in one piece of memory: it comes in large pages, which
  /// several smaller pieces would leave in part to small ones.
  public static func together(uninitializedRows rows: Int, columns: [Int]) -> [Matrix] {
    let line = 64 / MemoryLayout<Float>.stride
    let sizes = columns.map { (rows * $0 + line - 1) / line * line }
    let whole = Matrix(uninitializedRows: 1, columns: sizes.reduce(0, +))
    var offset = 0
    return zip(columns, sizes).map { columns, size in
      defer { offset += size }
      return Matrix(rows: rows, columns: columns, in: whole, at: offset)
    }
  }

  /// A matrix with the given values, row after row.
  public convenience init(rows: Int, columns: Int, _ values: [Float]) {
    self.init(rows: rows, columns: columns)
    fill(values)
  }

  /// Gives the system back the memory of matrices that are no longer there, which else is kept for the next ones.
  public static func releaseUnusedMemory() { MatrixMemory.releaseUnused() }

  deinit { if let memory { MatrixMemory.release(memory) } }

  /// The whole matrix, for kernels. The view keeps the matrix alive.
  public var view: MatrixView { MatrixView(base: base, rows: rows, columns: columns, stride: columns, owner: self) }

  /// The values, row after row.
  public var values: [Float] { Array(UnsafeBufferPointer(start: base, count: rows * columns)) }

  /// One entry.
  public subscript(row: Int, column: Int) -> Float {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      return base[row * columns + column]
    }
    set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      base[row * columns + column] = newValue
    }
  }

  /// Replaces every entry, row after row.
  public func fill(_ values: [Float]) {
    precondition(values.count == rows * columns, "a matrix needs rows × columns values")
    values.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { base.update(from: start, count: source.count) }
    }
  }

  /// A matrix of its own with the same entries.
  public func copy() -> Matrix {
    let copy = Matrix(uninitializedRows: rows, columns: columns)
    copy.base.update(from: base, count: rows * columns)
    return copy
  }

  /// Sets every entry to zero.
  public func clear() { base.update(repeating: 0, count: rows * columns) }
}

/// A window on a matrix: `rows` rows of `columns` floats, `stride` floats apart.
///
/// It holds on to the owner of the memory: the compiler may let go of a matrix after its last mention, which can be
/// the one that made the view.
public struct MatrixView {
  /// First float of the first row.
  public let base: UnsafeMutablePointer<Float>
  /// Rows of the window.
  public let rows: Int
  /// Columns of the window.
  public let columns: Int
  /// Floats from one row to the next.
  public let stride: Int
  private let owner: AnyObject?

  /// A window from its parts.
  /// - Parameter owner: what the memory belongs to; nil where it outlives the view anyway.
  public init(
    base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int, owner: AnyObject? = nil
  ) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride
    self.owner = owner
  }

  /// First float of a row.
  public func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * stride }

  /// Sets every entry to zero.
  func clear() { for row in 0..<rows { self.row(row).update(repeating: 0, count: columns) } }

  /// Some of the rows.
  public func rows(_ range: Range<Int>) -> MatrixView {
    MatrixView(
      base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride, owner: owner)
  }

  /// The rows cut into pieces of `width` floats, each a row of its own.
  /// - Precondition: the rows follow each other without a gap and are whole pieces.
  public func pieces(_ width: Int) -> MatrixView {
    precondition(stride == columns && columns % width == 0)
    return MatrixView(base: base, rows: rows * (columns / width), columns: width, stride: width, owner: owner)
  }

  /// Some of the columns.
  public func columns(_ range: Range<Int>) -> MatrixView {
    MatrixView(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride, owner: owner)
  }
}
