/// Stored numbers to float32: the formulas of ggml's block formats, sixteen values at a time.
enum Widening {
  static func widen(
    _ source: UnsafeRawPointer, format: WeightFormat, count: Int, into target: UnsafeMutablePointer<Float>
  ) {
    switch format {
    case .f32: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
    case .f16: half(source, count, target)
    case .bf16: brain(source, count, target)
    case .q8_0: signedBytes(source, count / 32, target)
    case .q4_0: nibbles(source, count / 32, target, hasMinimum: false)
    case .q4_1: nibbles(source, count / 32, target, hasMinimum: true)
    }
  }

  @inline(__always)
  private static func store(_ vector: SIMD16<Float>, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: vector, as: SIMD16<Float>.self)
  }

  // The standard library's conversions of vectors go lane by lane; shifts and logical operations do not.

  /// Sixteen bytes as four words, each four times.
  @inline(__always)
  private static func words(_ source: UnsafeRawPointer) -> SIMD16<UInt32> {
    func word(_ index: Int) -> SIMD4<UInt32> {
      SIMD4(repeating: (source + 4 * index).loadUnaligned(as: UInt32.self))
    }
    return SIMD16(
      lowHalf: SIMD8(lowHalf: word(0), highHalf: word(1)), highHalf: SIMD8(lowHalf: word(2), highHalf: word(3)))
  }

  /// What brings each byte of `words` to the bottom of its lane.
  private static var byteShifts: SIMD16<UInt32> {
    SIMD16(0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24)
  }

  /// Integers below 2²³ as numbers: they are set into the mantissa of 2²³.
  @inline(__always)
  private static func float(_ integers: SIMD16<UInt32>) -> SIMD16<Float> {
    unsafeBitCast(integers | 0x4B00_0000, to: SIMD16<Float>.self) - 0x1p23
  }

  @inline(__always)
  private static func float16(_ source: UnsafeRawPointer) -> Float {
    HalfPrecision.float(source.loadUnaligned(as: UInt16.self))
  }

  private static func half(_ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutablePointer<Float>) {
    var index = 0
    while index + 16 <= count {
      let bits = (source + index * 2).loadUnaligned(as: SIMD16<UInt16>.self)
      store(HalfPrecision.float(bits), target + index)
      index += 16
    }
    while index < count {
      target[index] = float16(source + index * 2)
      index += 1
    }
  }

  private static func brain(_ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutablePointer<Float>) {
    var index = 0
    while index + 16 <= count {
      let bits = (source + index * 2).loadUnaligned(as: SIMD16<UInt16>.self)
      store(unsafeBitCast(SIMD16<UInt32>(truncatingIfNeeded: bits) &<< 16, to: SIMD16<Float>.self), target + index)
      index += 16
    }
    while index < count {
      target[index] = Float(bitPattern: UInt32((source + index * 2).loadUnaligned(as: UInt16.self)) << 16)
      index += 1
    }
  }

  private static func signedBytes(_ source: UnsafeRawPointer, _ blocks: Int, _ target: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let bytes = source + block * 34
      let scale = SIMD16<Float>(repeating: float16(bytes))
      for part in 0..<2 {
        // Turning the sign bit over adds 128.
        let values = words(bytes + 2 + part * 16) &>> byteShifts & 0xFF ^ 0x80
        store((float(values) - 128) * scale, target + block * 32 + part * 16)
      }
    }
  }

  @inline(__always)
  private static func nibbles(
    _ source: UnsafeRawPointer, _ blocks: Int, _ target: UnsafeMutablePointer<Float>, hasMinimum: Bool
  ) {
    for block in 0..<blocks {
      let bytes = source + block * (hasMinimum ? 20 : 18)
      let d = float16(bytes)
      let scale = SIMD16<Float>(repeating: d)
      let offset = SIMD16<Float>(repeating: hasMinimum ? float16(bytes + 2) : -8 * d)
      let packed = words(bytes + (hasMinimum ? 4 : 2)) &>> byteShifts
      // Values 0–15 of a block are the low nibbles, 16–31 the high ones.
      store(float(packed & 15) * scale + offset, target + block * 32)
      store(float(packed &>> 4 & 15) * scale + offset, target + block * 32 + 16)
    }
  }
}

/// IEEE half precision to single, by integer arithmetic: the same on every processor.
public enum HalfPrecision {
  /// The value of the bits of a half-precision number.
  @inline(__always)
  public static func float(_ bits: UInt16) -> Float {
    #if arch(x86_64) && os(macOS)
      let exponent = UInt32(bits & 0x7C00) << 13
      let magnitude = UInt32(bits & 0x7FFF) << 13
      let scaled = Float(bitPattern: magnitude) * 0x1p112
      let value = exponent == 0x7C00 << 13 ? Float(bitPattern: magnitude | 0x7F80_0000) : scaled
      return bits & 0x8000 == 0 ? value : -value
    #else
      return Float(Float16(bitPattern: bits))
    #endif
  }

  @inline(__always)
  static func float(_ bits: SIMD16<UInt16>) -> SIMD16<Float> {
    let wide = SIMD16<UInt32>(truncatingIfNeeded: bits)
    let magnitude = (wide & 0x7FFF) &<< 13
    // Multiplying by 2¹¹² re-biases the exponent and turns subnormal halves into normal singles.
    var value = unsafeBitCast(magnitude, to: SIMD16<Float>.self) * SIMD16<Float>(repeating: 0x1p112)
    let special = (wide & 0x7C00) .== SIMD16<UInt32>(repeating: 0x7C00)
    value.replace(with: unsafeBitCast(magnitude | 0x7F80_0000, to: SIMD16<Float>.self), where: special)
    return unsafeBitCast(unsafeBitCast(value, to: SIMD16<UInt32>.self) | (wide & 0x8000) &<< 16, to: SIMD16<Float>.self)
  }
}
