/// An order in which sixteen bytes, loaded as four words, are spread over the lanes of a vector.
protocol ByteOrder {
  /// The words, each in the four lanes of its bytes.
  static func spread(_ words: SIMD4<UInt32>) -> SIMD16<UInt32>
  /// How far to the left each lane is rotated for the lowest `width` bits of its byte, 1 to 8, to come to the top of
  /// the mantissa, the highest of them to bit 22.
  static func rotation(width: Int) -> SIMD16<UInt32>
  /// Where each lane's byte begins in its word.
  static var shifts: SIMD16<UInt32> { get }
  /// The number of each lane's byte among the sixteen.
  static var places: SIMD16<UInt32> { get }
}

extension ByteOrder {
  /// The words in their lanes, rotated to the left.
  @inline(__always)
  static func rotated(_ words: SIMD4<UInt32>, _ rotation: SIMD16<UInt32>) -> SIMD16<UInt32> {
    let lanes = spread(words)
    return lanes &<< rotation | lanes &>> (0 &- rotation)
  }

  /// The lowest `width` bits of sixteen bytes as numbers: q is read as q + 2^width.
  /// - Parameter rotation: for that width; less by n for `width` bits from bit n on.
  @inline(__always)
  static func numbers(_ words: SIMD4<UInt32>, width: Int, _ rotation: SIMD16<UInt32>) -> VectorMath.Vector {
    let mask = UInt32(truncatingIfNeeded: ((1 << width) - 1) << (23 - width))
    let exponent = UInt32(truncatingIfNeeded: (127 + width) << 23)
    return unsafeBitCast(rotated(words, rotation) & mask | exponent, to: VectorMath.Vector.self)
  }
}

/// Rotations by width, in memory that the compiler does not see through: knowing the numbers, it takes the rotation,
/// one instruction on many processors, apart into shifts and blends.
private enum StoredRotations {
  nonisolated(unsafe) static let ofFile = stored(SIMD16(7, 31, 23, 15, 7, 31, 23, 15, 7, 31, 23, 15, 7, 31, 23, 15))
  nonisolated(unsafe) static let ofCopies = stored(SIMD16(7, 7, 7, 7, 31, 31, 31, 31, 23, 23, 23, 23, 15, 15, 15, 15))

  /// - Parameter bottom: what brings the bit below each byte to bit 15.
  private static func stored(_ bottom: SIMD16<UInt32>) -> UnsafePointer<SIMD16<UInt32>> {
    let memory = UnsafeMutablePointer<SIMD16<UInt32>>.allocate(capacity: 9)
    for width in 0...8 { (memory + width).initialize(to: (bottom &+ UInt32(16 - width)) & 31) }
    return UnsafePointer(memory)
  }
}

/// The bytes as they lie in the file.
enum FileOrder: ByteOrder {
  static var shifts: SIMD16<UInt32> { SIMD16(0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24) }
  static var places: SIMD16<UInt32> { SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
  static func rotation(width: Int) -> SIMD16<UInt32> { StoredRotations.ofFile[width] }
  @inline(__always)
  static func spread(_ words: SIMD4<UInt32>) -> SIMD16<UInt32> {
    SIMD16(
      lowHalf: SIMD8(lowHalf: SIMD4(repeating: words.x), highHalf: SIMD4(repeating: words.y)),
      highHalf: SIMD8(lowHalf: SIMD4(repeating: words.z), highHalf: SIMD4(repeating: words.w)))
  }
}

/// The four words four times, copy s for byte s of each: what takes the fewest instructions. Lane 4s + j is byte 4j + s.
enum CopyOrder: ByteOrder {
  static var shifts: SIMD16<UInt32> { SIMD16(0, 0, 0, 0, 8, 8, 8, 8, 16, 16, 16, 16, 24, 24, 24, 24) }
  static var places: SIMD16<UInt32> { SIMD16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15) }
  static func rotation(width: Int) -> SIMD16<UInt32> { StoredRotations.ofCopies[width] }
  @inline(__always)
  static func spread(_ words: SIMD4<UInt32>) -> SIMD16<UInt32> {
    let eight = SIMD8<UInt32>(lowHalf: words, highHalf: words)
    return SIMD16<UInt32>(lowHalf: eight, highHalf: eight)
  }

  /// The same order for inputs.
  @inline(__always)
  static func arranged(_ inputs: VectorMath.Vector) -> VectorMath.Vector {
    let (even, odd) = (inputs.evenHalf, inputs.oddHalf)
    return VectorMath.Vector(
      lowHalf: SIMD8(lowHalf: even.evenHalf, highHalf: odd.evenHalf),
      highHalf: SIMD8(lowHalf: even.oddHalf, highHalf: odd.oddHalf))
  }
}

/// Blocks of integers.
protocol ByteBlock: StoredBlock {}

extension ByteBlock {
  static var hasScale: Bool { true }
  @inline(__always)
  static func arranged(_ low: VectorMath.Vector, _ high: VectorMath.Vector) -> RunValues {
    (CopyOrder.arranged(low), CopyOrder.arranged(high))
  }

  /// Sixteen bytes.
  @inline(__always)
  static func words(_ source: UnsafeRawPointer) -> SIMD4<UInt32> { source.loadUnaligned(as: SIMD4<UInt32>.self) }
}
