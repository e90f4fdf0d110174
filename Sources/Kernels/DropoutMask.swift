/// Dropout as a function of its place: the mask of an entry depends on a seed, the row's key and the column alone, so
/// that it is the same however records are packed into batches, and need not be kept for the backward pass.
public struct DropoutMask: Sendable {
  /// Share of entries set to zero, 0 ≤ rate < 1.
  public let rate: Float
  private let seed: UInt32
  private let threshold: UInt32

  /// A mask for one layer input.
  /// - Parameters:
  ///   - rate: share of entries set to zero; the others are scaled by 1/(1 − rate).
  ///   - seed: differs for each run, step, layer and projection.
  public init(rate: Float, seed: UInt64) {
    self.rate = rate
    self.seed = UInt32(truncatingIfNeeded: seed ^ (seed >> 32))
    threshold = UInt32(min(4_294_967_295, Double(rate) * 4_294_967_296))
  }

  /// y ← mask ∘ x / (1 − rate), row by row; y may be x.
  /// - Parameter keys: n keys, one a row.
  public func apply(_ x: MatrixView, keys: [UInt64], into y: MatrixView, pool: WorkerPool) {
    precondition(keys.count == x.rows && y.rows == x.rows && y.columns == x.columns)
    pool.ranges(x.rows, minimum: 4) { range, _ in
      for row in range { apply(x.row(row), key: keys[row], columns: 0..<x.columns, into: y.row(row)) }
    }
  }

  /// The same of some columns of one row.
  /// - Parameters:
  ///   - x: the whole row.
  ///   - y: gets `columns.count` numbers.
  @inline(__always)
  func apply(
    _ x: UnsafePointer<Float>, key: UInt64, columns: Range<Int>, into y: UnsafeMutablePointer<Float>
  ) {
    let key = folded(key)
    let source = x + columns.lowerBound
    var index = 0
    while index + 16 <= columns.count {
      VectorMath.store(
        kept(VectorMath.load(source + index), columns: UInt32(columns.lowerBound + index), key: key), y + index)
      index += 16
    }
    while index < columns.count {
      let column = SIMD16(repeating: UInt32(columns.lowerBound + index) &* Self.spread)
      y[index] = Self.hash(column, key: key)[0] < threshold ? 0 : source[index] * (1 / (1 - rate))
      index += 1
    }
  }

  @inline(__always)
  fileprivate func folded(_ key: UInt64) -> UInt32 { seed ^ UInt32(truncatingIfNeeded: key ^ (key >> 32)) }

  /// Sixteen numbers of a row, from a column on.
  @inline(__always)
  fileprivate func kept(_ x: VectorMath.Vector, columns: UInt32, key: UInt32) -> VectorMath.Vector {
    let hashed = Self.hash(Self.lanes &+ columns &* Self.spread, key: key)
    var value = x * (1 / (1 - rate))
    value.replace(with: 0, where: hashed .< SIMD16<UInt32>(repeating: threshold))
    return value
  }

  /// Neighbouring columns differ in many bits of their product with it: 2³² by the golden ratio.
  private static let spread: UInt32 = 0x9E37_79B9
  /// Computed each time, so that the compiler makes it a constant.
  @inline(__always)
  private static var lanes: SIMD16<UInt32> {
    SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) &* 0x9E37_79B9
  }

  /// The 32-bit finaliser of MurmurHash3 over column and key.
  @inline(__always)
  private static func hash(_ columns: SIMD16<UInt32>, key: UInt32) -> SIMD16<UInt32> {
    var h = columns ^ key
    h ^= h &>> 16
    h = h &* 0x85EB_CA6B
    h ^= h &>> 13
    h = h &* 0xC2B2_AE35
    h ^= h &>> 16
    return h
  }
}

/// A dropout mask with the keys of the rows that it is for.
public struct RowDropout: Sendable {
  let mask: DropoutMask
  let keys: [UInt64]

  /// - Parameter keys: one a row.
  public init(mask: DropoutMask, keys: [UInt64]) {
    self.mask = mask
    self.keys = keys
  }

  /// y ← mask ∘ x / (1 − rate); y may be x.
  public func apply(_ x: MatrixView, into y: MatrixView, pool: WorkerPool) {
    mask.apply(x, keys: keys, into: y, pool: pool)
  }

  @inline(__always)
  func apply(_ x: UnsafePointer<Float>, row: Int, columns: Range<Int>, into y: UnsafeMutablePointer<Float>) {
    mask.apply(x, key: keys[row], columns: columns, into: y)
  }

  /// Sixteen numbers of a row, from a column on.
  @inline(__always)
  func kept(_ x: VectorMath.Vector, row: Int, column: Int) -> VectorMath.Vector {
    mask.kept(x, columns: UInt32(column), key: mask.folded(keys[row]))
  }
}
