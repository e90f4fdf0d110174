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
    var lanes = SIMD16<UInt32>.zero
    for lane in 0..<16 { lanes[lane] = UInt32(lane) }
    let offsets = lanes
    let scale = 1 / (1 - rate)
    pool.ranges(x.rows, minimum: 4) { range, _ in
      for row in range {
        let key = seed ^ UInt32(truncatingIfNeeded: keys[row] ^ (keys[row] >> 32))
        let source = x.row(row)
        let target = y.row(row)
        var index = 0
        while index + 16 <= x.columns {
          let hashed = Self.hash(offsets &+ UInt32(index), key: key)
          var value = VectorMath.load(source + index) * scale
          value.replace(with: 0, where: hashed .< SIMD16<UInt32>(repeating: threshold))
          VectorMath.store(value, target + index)
          index += 16
        }
        while index < x.columns {
          let dropped = Self.hash(.init(repeating: UInt32(index)), key: key)[0] < threshold
          target[index] = dropped ? 0 : source[index] * scale
          index += 1
        }
      }
    }
  }

  /// Two rounds of the 32-bit finaliser of MurmurHash3, keyed in between.
  @inline(__always)
  private static func hash(_ columns: SIMD16<UInt32>, key: UInt32) -> SIMD16<UInt32> {
    var h = columns &* 0x9E37_79B9 &+ key
    h ^= h &>> 16
    h = h &* 0x85EB_CA6B
    h ^= h &>> 13
    h = h &+ (key &* 0xC2B2_AE35)
    h = h &* 0xC2B2_AE35
    h ^= h &>> 16
    h = h &* 0x85EB_CA6B
    h ^= h &>> 13
    return h
  }
}
