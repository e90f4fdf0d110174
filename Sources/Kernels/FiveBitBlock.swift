/// The five-bit numbers of Q5_0 and Q5_1: the low four bits as nibbles, the fifth in a word of 32 bits, one a value.
extension ByteBlock {
  /// The number q is read as q + 32.
  /// - Parameter source: the word of fifth bits, and the nibbles behind it.
  @inline(__always)
  fileprivate static func fiveBits<Order: ByteOrder>(
    _ source: UnsafeRawPointer, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> (VectorMath.Vector, VectorMath.Vector) {
    let nibbles = words(source + 4)
    let low = SIMD8<UInt32>(lowHalf: nibbles & 0x0F0F_0F0F, highHalf: nibbles &>> 4 & 0x0F0F_0F0F)
    // Four fifth bits for each word; the product brings bit i of them to bit 4 of byte i.
    let fifth = SIMD8<UInt32>(repeating: source.loadUnaligned(as: UInt32.self))
    let four = fifth &>> SIMD8(0, 4, 8, 12, 16, 20, 24, 28) & 15
    return numbers(low | four &* 0x0204_0810 & 0x1010_1010, order, rotation)
  }
}

/// A block of Q5_0.
enum FiveBitBlock: ByteBlock {
  static var bytes: Int { 22 }
  static var width: Int { 5 }
  static var offset: Float { 48 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> (VectorMath.Vector, VectorMath.Vector) { fiveBits(block + 2, order, rotation) }
  @inline(__always)
  static func factors(
    _ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>
  ) -> (scale: VectorMath.Vector, minimum: VectorMath.Vector) { (half(block, halves), .zero) }
}

/// A block of Q5_1.
enum FiveBitMinimumBlock: ByteBlock {
  static var bytes: Int { 24 }
  static var width: Int { 5 }
  static var hasMinimum: Bool { true }
  static var offset: Float { 32 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> (VectorMath.Vector, VectorMath.Vector) { fiveBits(block + 4, order, rotation) }
  @inline(__always)
  static func factors(
    _ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>
  ) -> (scale: VectorMath.Vector, minimum: VectorMath.Vector) { (half(block, halves), half(block + 2, halves)) }
}
