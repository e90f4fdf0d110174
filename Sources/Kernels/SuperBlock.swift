/// ggml's K-quants: blocks of 256 values, whose scales, one for every 16 or 32 values, are small integers themselves.
///
/// Several runs share their bytes, one in the lowest bits, the next in the bits above: a run has a field of each byte.
protocol SuperBlock: ByteBlock {}

extension SuperBlock {
  static var runs: Int { 8 }

  /// The numbers in 32 bytes, from bit `bit` on.
  @inline(__always)
  fileprivate static func numbers<Order: ByteOrder>(
    _ source: UnsafeRawPointer, bit: Int, _: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    let rotation = rotation &- SIMD16(repeating: UInt32(truncatingIfNeeded: bit))
    return (
      Order.numbers(words(source), width: width, rotation), Order.numbers(words(source + 16), width: width, rotation)
    )
  }

  /// The numbers of `width` bits of which the highest is bit `top` of other 32 bytes, the others begin at bit `bit`.
  @inline(__always)
  fileprivate static func numbers<Order: ByteOrder>(
    _ source: UnsafeRawPointer, bit: Int, top other: UnsafeRawPointer, bit top: Int, _: Order.Type,
    _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    let rotation = rotation &- SIMD16(repeating: UInt32(truncatingIfNeeded: bit))
    let bits = SIMD16(repeating: UInt32(1) &<< UInt32(truncatingIfNeeded: top)) &<< Order.shifts
    let mask = UInt32(truncatingIfNeeded: (1 << 22) - (1 << (23 - width)))
    let exponent = UInt32(truncatingIfNeeded: (127 + width) << 23)
    @inline(__always) func half(_ place: Int) -> VectorMath.Vector {
      // A true comparison is a lane of ones.
      let isSet = unsafeBitCast((Order.spread(words(other + place)) & bits) .== bits, to: SIMD16<UInt32>.self)
      let low = Order.rotated(words(source + place), rotation) & mask
      return unsafeBitCast(low | isSet & 0x0040_0000 | exponent, to: VectorMath.Vector.self)
    }
    return (half(0), half(16))
  }
}

/// The integer scales of a super-block.
private enum PackedScales {
  /// Integers below 2²³ as numbers: they are set into the mantissa of 2²³.
  @inline(__always)
  static func float(_ integers: SIMD16<UInt32>) -> VectorMath.Vector {
    unsafeBitCast(integers | 0x4B00_0000, to: VectorMath.Vector.self) - 0x1p23
  }

  /// The sixteen bytes of four words, one in each lane; what lies above the byte is not cleared.
  @inline(__always)
  static func bytes(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> SIMD16<UInt32> {
    let words = SIMD16<UInt32>(
      lowHalf: SIMD8(lowHalf: SIMD4(repeating: a), highHalf: SIMD4(repeating: b)),
      highHalf: SIMD8(lowHalf: SIMD4(repeating: c), highHalf: SIMD4(repeating: d)))
    return words &>> SIMD16(0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24)
  }

  /// The eight bytes of two words, each in two lanes, without what lies above the byte.
  @inline(__always)
  static func doubled(_ a: UInt32, _ b: UInt32) -> VectorMath.Vector {
    let words = SIMD16<UInt32>(lowHalf: SIMD8(repeating: a), highHalf: SIMD8(repeating: b))
    return float(words &>> SIMD16(0, 0, 8, 8, 16, 16, 24, 24, 0, 0, 8, 8, 16, 16, 24, 24) & 0xFF)
  }

  @inline(__always)
  static func word(_ source: UnsafeRawPointer, _ index: Int) -> UInt32 {
    (source + 4 * index).loadUnaligned(as: UInt32.self)
  }
}

/// A block of Q2_K: 16 bytes of scale (low nibble) and minimum (high), 64 bytes of four values each, d and dmin. The
/// number q is read as q + 4.
enum TwoBitSuperBlock: SuperBlock {
  static var bytes: Int { 84 }
  static var width: Int { 2 }
  static var hasMinimum: Bool { true }
  static var offset: Float { 4 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    numbers(block + 16 + 32 * (run >> 2), bit: 2 * (run & 3), order, rotation)
  }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    let word = { PackedScales.word(block, $0) }
    let bytes = PackedScales.bytes(word(0), word(1), word(2), word(3))
    return (
      PackedScales.float(bytes & 15) * half(block + 80, halves),
      -(PackedScales.float(bytes &>> 4 & 15) * half(block + 82, halves))
    )
  }
}

/// A block of Q3_K: 32 bytes of third bits, 64 bytes of four low pairs of bits each, 12 bytes of 6-bit scales, d. The
/// number q is read as q + 8.
enum ThreeBitSuperBlock: SuperBlock {
  static var bytes: Int { 110 }
  static var width: Int { 3 }
  static var offset: Float { 12 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    numbers(block + 32 + 32 * (run >> 2), bit: 2 * (run & 3), top: block, bit: run, order, rotation)
  }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    // Low nibbles: scales 0–7 in the low halves of 8 bytes, 8–15 in the high ones. Byte i of the last word has the
    // upper two bits of scales i, i + 4, i + 8 and i + 12.
    let a = PackedScales.word(block + 96, 0)
    let b = PackedScales.word(block + 96, 1)
    let upper = PackedScales.word(block + 96, 2)
    let bytes = PackedScales.bytes(
      a & 0x0F0F_0F0F | upper << 4 & 0x3030_3030, b & 0x0F0F_0F0F | upper << 2 & 0x3030_3030,
      a >> 4 & 0x0F0F_0F0F | upper & 0x3030_3030, b >> 4 & 0x0F0F_0F0F | upper >> 2 & 0x3030_3030)
    return ((PackedScales.float(bytes & 0x3F) - 32) * half(block + 108, halves), .zero)
  }
}

/// Where Q4_K and Q5_K begin alike: d, dmin, and 12 bytes of eight 6-bit scales and eight minima.
private enum ScalesAndMinima {
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, d: VectorMath.Vector, minimum: VectorMath.Vector) -> BlockFactors {
    // Four scales, then four minima, in the low six bits of a byte; the others' low nibbles in the last word, their
    // upper bits on top of the first eight.
    let a = PackedScales.word(block + 4, 0)
    let b = PackedScales.word(block + 4, 1)
    let low = PackedScales.word(block + 4, 2)
    let scales = PackedScales.doubled(a & 0x3F3F_3F3F, low & 0x0F0F_0F0F | a >> 2 & 0x3030_3030)
    let minima = PackedScales.doubled(b & 0x3F3F_3F3F, low >> 4 & 0x0F0F_0F0F | b >> 2 & 0x3030_3030)
    return (scales * d, -(minima * minimum))
  }
}

/// A block of Q4_K: scales and minima, then 128 bytes of two values each. The number q is read as q + 16.
enum FourBitSuperBlock: SuperBlock {
  static var bytes: Int { 144 }
  static var width: Int { 4 }
  static var hasMinimum: Bool { true }
  static var offset: Float { 16 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    numbers(block + 16 + 32 * (run >> 1), bit: 4 * (run & 1), order, rotation)
  }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    ScalesAndMinima.factors(block, d: half(block, halves), minimum: half(block + 2, halves))
  }
}

/// A block of Q5_K: scales and minima, 32 bytes of fifth bits, 128 bytes of two values' low nibbles each. The number q
/// is read as q + 32.
enum FiveBitSuperBlock: SuperBlock {
  static var bytes: Int { 176 }
  static var width: Int { 5 }
  static var hasMinimum: Bool { true }
  static var offset: Float { 32 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    numbers(block + 48 + 32 * (run >> 1), bit: 4 * (run & 1), top: block + 16, bit: run, order, rotation)
  }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    ScalesAndMinima.factors(block, d: half(block, halves), minimum: half(block + 2, halves))
  }
}

/// A block of Q6_K: 128 bytes of two values' low nibbles each, 64 bytes of four upper pairs of bits each, 16 scales of
/// a signed byte, d. The number q is read as q + 64.
enum SixBitSuperBlock: SuperBlock {
  static var bytes: Int { 210 }
  static var width: Int { 6 }
  static var offset: Float { 96 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    /// The fields of 32 bytes from bit `bit` on, moved to the bottom; bits above them are not cleared.
    @inline(__always) func fields(_ place: Int, bit: Int) -> SIMD8<UInt32> {
      (block + place).loadUnaligned(as: SIMD8<UInt32>.self) &>> SIMD8(repeating: UInt32(truncatingIfNeeded: bit))
    }
    // Runs 0 and 1 are low nibbles, 2 and 3 the high ones of the same bytes; then the other half.
    let low = fields(64 * (run >> 2) + 32 * (run & 1), bit: 2 * (run & 2))
    let high = fields(128 + 32 * (run >> 2), bit: 2 * (run & 3))
    let bytes = low & 0x0F0F_0F0F | high &<< 4 & 0xF0F0_F0F0
    return (
      Order.numbers(bytes.lowHalf, width: width, rotation), Order.numbers(bytes.highHalf, width: width, rotation)
    )
  }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    let word = { PackedScales.word(block + 192, $0) }
    // Turning the sign bit over adds 128.
    let bytes = PackedScales.bytes(word(0), word(1), word(2), word(3)) & 0xFF ^ 0x80
    return ((PackedScales.float(bytes) - 128) * half(block + 208, halves), .zero)
  }
}
