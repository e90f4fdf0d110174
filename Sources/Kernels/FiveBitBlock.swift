/// The five-bit numbers of Q5_0 and Q5_1: the low four bits as nibbles, the fifth in a word of 32 bits, one a value.
extension ByteBlock {
  /// The number q is read as q + 32.
  /// - Parameter source: the word of fifth bits, and the nibbles behind it.
  @inline(__always)
  fileprivate static func fiveBits<Order: ByteOrder>(
    _ source: UnsafeRawPointer, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    let nibbles = Order.rotated(words(source + 4), rotation)
    let fifth = SIMD16(repeating: source.loadUnaligned(as: UInt32.self))
    @inline(__always) func half(_ nibbles: SIMD16<UInt32>, _ first: UInt32) -> VectorMath.Vector {
      let bits = SIMD16(repeating: first) &<< Order.places
      // A true comparison is a lane of ones.
      let isSet = unsafeBitCast((fifth & bits) .== bits, to: SIMD16<UInt32>.self)
      return unsafeBitCast(nibbles & 0x003C_0000 | isSet & 0x0040_0000 | 0x4200_0000, to: VectorMath.Vector.self)
    }
    return (half(nibbles &<< 3, 1), half(nibbles &>> 1, 1 << 16))
  }
}

/// A block of Q5_0.
enum FiveBitBlock: ByteBlock {
  static var bytes: Int { 22 }
  static var offset: Float { 48 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues { fiveBits(block + 2, order, rotation) }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    (half(block, halves), .zero)
  }
}

/// A block of Q5_1.
enum FiveBitMinimumBlock: ByteBlock {
  static var bytes: Int { 24 }
  static var hasMinimum: Bool { true }
  static var offset: Float { 32 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues { fiveBits(block + 4, order, rotation) }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    (half(block, halves), half(block + 2, halves))
  }
}
