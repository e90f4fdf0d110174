/// How the numbers of a weight lie in its file.
public enum WeightFormat: Sendable, Equatable {
  case f32
  case f16
  case bf16
  /// Blocks of 32: a half-precision scale d, then 32 signed bytes q; value d·q.
  case q8_0
  /// Blocks of 32: a half-precision scale d, then 32 nibbles q; value d·(q − 8).
  case q4_0
  /// Blocks of 32: half-precision d and m, then 32 nibbles q; value d·q + m.
  case q4_1
  /// Blocks of 32: a half-precision scale d, then 32 numbers q of five bits; value d·(q − 16).
  case q5_0
  /// Blocks of 32: half-precision d and m, then 32 numbers q of five bits; value d·q + m.
  case q5_1
  /// Blocks of 256 numbers q of two bits, four-bit s and n for each 16, half-precision d and m; value d·s·q − m·n.
  case q2_k
  /// Blocks of 256 numbers q of three bits, six-bit s for each 16, half-precision d; value d·(s − 32)·(q − 4).
  case q3_k
  /// Blocks of 256 numbers q of four bits, six-bit s and n for each 32, half-precision d and m; value d·s·q − m·n.
  case q4_k
  /// Blocks of 256 numbers q of five bits, six-bit s and n for each 32, half-precision d and m; value d·s·q − m·n.
  case q5_k
  /// Blocks of 256 numbers q of six bits, a signed byte s for each 16, half-precision d; value d·s·(q − 32).
  case q6_k

  /// Values in a block.
  public var blockLength: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1: 32
    case .q2_k, .q3_k, .q4_k, .q5_k, .q6_k: 256
    }
  }

  /// Values that can be widened by themselves: a window of columns starts and ends at multiples of it.
  public var runLength: Int { blockLength == 1 ? 1 : 32 }

  /// Bytes of a block.
  public var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q2_k: 84
    case .q3_k: 110
    case .q4_k: 144
    case .q5_k: 176
    case .q6_k: 210
    }
  }
}

/// A weight matrix [rows, columns] as it lies in a mapped file; rows are widened to float32 when a product needs them.
public struct WeightMatrix: @unchecked Sendable {
  /// Type of the stored numbers.
  public let format: WeightFormat
  /// Output features of the linear layer.
  public let rows: Int
  /// Input features of the linear layer.
  public let columns: Int
  /// If set, the rows of each head of this dimension are stored with the two halves interleaved, as GGUF files of the
  /// llama family have their query and key projections; they are read back in the order of the original model.
  public let interleavedHeadDimension: Int?
  private let bytes: UnsafeRawPointer
  /// Keeps the mapping alive.
  private let owner: AnyObject?

  /// A matrix over mapped bytes.
  /// - Precondition: `bytes` holds `rows` rows; `columns` is a multiple of the format's block length.
  public init(
    format: WeightFormat, rows: Int, columns: Int, bytes: UnsafeRawPointer, owner: AnyObject?,
    interleavedHeadDimension: Int? = nil
  ) {
    precondition(columns % format.blockLength == 0)
    self.format = format
    self.rows = rows
    self.columns = columns
    self.bytes = bytes
    self.owner = owner
    self.interleavedHeadDimension = interleavedHeadDimension
  }

  /// Some of the rows.
  /// - Precondition: they are stored in the order of the matrix.
  public func rows(_ range: Range<Int>) -> WeightMatrix {
    precondition(interleavedHeadDimension == nil && range.lowerBound >= 0 && range.upperBound <= rows)
    let rowBytes = columns / format.blockLength * format.blockBytes
    return WeightMatrix(
      format: format, rows: range.count, columns: columns, bytes: bytes + range.lowerBound * rowBytes, owner: owner)
  }

  /// A float32 matrix that owns its values.
  public init(_ matrix: Matrix) {
    self.init(
      format: .f32, rows: matrix.rows, columns: matrix.columns, bytes: UnsafeRawPointer(matrix.view.base), owner: matrix
    )
  }

  /// Bytes of one stored row.
  public var rowBytes: Int { columns / format.blockLength * format.blockBytes }

  /// The stored bytes of a row, in the order of the original model.
  func bytes(row: Int) -> UnsafeRawPointer { bytes + storedRow(row) * rowBytes }

  private func storedRow(_ row: Int) -> Int {
    guard let dimension = interleavedHeadDimension else { return row }
    let (head, place) = row.quotientAndRemainder(dividingBy: dimension)
    let half = dimension / 2
    return head * dimension + (place < half ? 2 * place : 2 * (place - half) + 1)
  }

  /// The stored values themselves where no widening is needed.
  var plainView: MatrixView? {
    guard format == .f32, interleavedHeadDimension == nil, Int(bitPattern: bytes) % MemoryLayout<Float>.alignment == 0
    else { return nil }
    let base = UnsafeMutablePointer(mutating: bytes.assumingMemoryBound(to: Float.self))
    return MatrixView(base: base, rows: rows, columns: columns, stride: columns, owner: owner)
  }
}
