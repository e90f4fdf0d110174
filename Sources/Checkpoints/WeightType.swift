import Kernels
import Tensors

/// The type of the numbers in an exported model.
public enum WeightType: String, Sendable, CaseIterable {
  case f32
  case f16
  case bf16

  /// The type as safetensors spells it.
  var elementType: ElementType {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    }
  }

  /// The type as config.json spells it.
  var configurationName: String {
    switch self {
    case .f32: "float32"
    case .f16: "float16"
    case .bf16: "bfloat16"
    }
  }

  /// The type that holds a stored format exactly without being larger, nil for block formats: only float32 holds their
  /// products of a half-precision scale and an integer.
  init?(_ format: WeightFormat) {
    switch format {
    case .f32: self = .f32
    case .f16: self = .f16
    case .bf16: self = .bf16
    default: return nil
    }
  }
}

/// Single precision to the 16-bit types, to the nearest, ties to the even one; by integer arithmetic.
enum Narrowing {
  /// The bits of the nearest half-precision number; beyond 65504 infinity.
  @inline(__always)
  static func half(_ value: Float) -> UInt16 {
    let magnitude = value.bitPattern & 0x7FFF_FFFF
    let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16 & 0x8000)
    if magnitude >= 0x4780_0000 { return sign | (magnitude > 0x7F80_0000 ? 0x7E00 : 0x7C00) }
    if magnitude < 0x3880_0000 {
      // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴, which is the distance of singles from 0.5 on: the sum rounds.
      let rounded = Float(bitPattern: magnitude) + 0.5
      return sign | UInt16(truncatingIfNeeded: rounded.bitPattern &- Float(0.5).bitPattern)
    }
    // Re-biases the exponent by 15 − 127 and adds just under half of the last place, or half of it for odd ones.
    let odd = magnitude >> 13 & 1
    return sign | UInt16(truncatingIfNeeded: (magnitude &+ 0xC800_0FFF &+ odd) >> 13)
  }

  /// The bits of the nearest bfloat16 number.
  @inline(__always)
  static func brain(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }

  /// Writes `count` values in the given type; returns whether a finite value became infinite.
  static func narrow(
    _ source: UnsafePointer<Float>, count: Int, to type: WeightType, into target: UnsafeMutableRawPointer
  ) -> Bool {
    let infinity: UInt16
    switch type {
    case .f32:
      target.copyMemory(from: source, byteCount: count * MemoryLayout<Float>.size)
      return false
    case .f16:
      infinity = 0x7C00
      for index in 0..<count { target.storeBytes(of: half(source[index]), toByteOffset: index * 2, as: UInt16.self) }
    case .bf16:
      infinity = 0x7F80
      for index in 0..<count { target.storeBytes(of: brain(source[index]), toByteOffset: index * 2, as: UInt16.self) }
    }
    var overflowed = false
    for index in 0..<count {
      let bits = target.load(fromByteOffset: index * 2, as: UInt16.self)
      overflowed = overflowed || bits & 0x7FFF == infinity && source[index].isFinite
    }
    return overflowed
  }
}
