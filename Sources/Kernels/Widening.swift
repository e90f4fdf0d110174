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
        let values = (bytes + 2 + part * 16).loadUnaligned(as: SIMD16<Int8>.self)
        store(SIMD16<Float>(values) * scale, target + block * 32 + part * 16)
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
      let packed = (bytes + (hasMinimum ? 4 : 2)).loadUnaligned(as: SIMD16<UInt8>.self)
      // Values 0–15 of a block are the low nibbles, 16–31 the high ones.
      store(SIMD16<Float>(packed & 15) * scale + offset, target + block * 32)
      store(SIMD16<Float>(packed &>> 4) * scale + offset, target + block * 32 + 16)
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
