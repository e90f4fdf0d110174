/// The values of a run, two vectors of sixteen.
typealias RunValues = (VectorMath.Vector, VectorMath.Vector)

/// Scales and minima of a block's runs, as `StoredBlock.factors` lays them out.
typealias BlockFactors = (scale: VectorMath.Vector, minimum: VectorMath.Vector)

/// How stored values are read: a run of 32 as two vectors, and the factors that stand beside the runs of a block.
///
/// A value of a run is scale · (unpacked − offset) + minimum. Only shifts and logical operations are used, which every compiler
/// turns into vector instructions. A stored integer q is set into the mantissa of a power of two: no conversion is
/// needed, and the power goes into the offset.
protocol StoredBlock {
  /// Bytes of a block.
  static var bytes: Int { get }
  /// Runs of 32 values in a block.
  static var runs: Int { get }
  /// Whether the block has a scale.
  static var hasScale: Bool { get }
  /// Whether it has a minimum too.
  static var hasMinimum: Bool { get }
  /// The width that `unpacked` wants a rotation for.
  static var width: Int { get }
  /// What is unpacked for a stored zero.
  static var offset: Float { get }
  /// The values before offset, scale and minimum, in the order that `arranged` puts the inputs in.
  /// - Parameters:
  ///   - order: the order of blocks of integers; `arranged` knows `CopyOrder`.
  ///   - rotation: `Order.rotation` for the block's width.
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues
  /// Inputs 0–15 and 16–31 of a run in the order of the unpacked values.
  static func arranged(_ low: VectorMath.Vector, _ high: VectorMath.Vector) -> RunValues
  /// Scale and minimum of the first vector of run r in lane 2r, of the second in lane 2r + 1; in a block of one run the
  /// same in every lane.
  /// - Parameter halves: `HalfPrecision.values`.
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors
}

extension StoredBlock {
  static var runs: Int { 1 }
  static var width: Int { 8 }
  static var hasScale: Bool { false }
  static var hasMinimum: Bool { false }
  static var offset: Float { 0 }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    (VectorMath.Vector(repeating: 1), .zero)
  }

  /// The half-precision number at `source`, in every lane.
  @inline(__always)
  static func half(_ source: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> VectorMath.Vector {
    VectorMath.Vector(repeating: halves[Int(source.loadUnaligned(as: UInt16.self))])
  }
}

extension HalfPrecision {
  /// The value of every half-precision number, by its bits: reading one is faster than computing it.
  nonisolated(unsafe) static let values: UnsafePointer<Float> = {
    let table = UnsafeMutablePointer<Float>.allocate(capacity: 1 << 16)
    for bits in 0...UInt16.max { table[Int(bits)] = float(bits) }
    return UnsafePointer(table)
  }()
}

/// 32 float32 numbers.
enum SingleBlock: StoredBlock {
  static var bytes: Int { 128 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    (block.loadUnaligned(as: VectorMath.Vector.self), (block + 64).loadUnaligned(as: VectorMath.Vector.self))
  }
  @inline(__always)
  static func arranged(_ low: VectorMath.Vector, _ high: VectorMath.Vector) -> RunValues { (low, high) }
}

/// Sixteen pairs of 16-bit numbers: the first of each pair lies in the lower half of a 32-bit word.
private enum Pairs {
  @inline(__always)
  static func arranged(_ low: VectorMath.Vector, _ high: VectorMath.Vector) -> RunValues {
    (
      VectorMath.Vector(lowHalf: low.evenHalf, highHalf: high.evenHalf),
      VectorMath.Vector(lowHalf: low.oddHalf, highHalf: high.oddHalf)
    )
  }

  /// The half-precision numbers in the upper halves of words; lower halves must be zero.
  @inline(__always)
  static func upperHalves(_ words: SIMD16<UInt32>) -> VectorMath.Vector {
    // Drawing the sign along, three places to the right make a single's exponent field of a half's; 2¹¹² re-biases it.
    let moved = unsafeBitCast(unsafeBitCast(words, to: SIMD16<Int32>.self) &>> 3, to: SIMD16<UInt32>.self)
    let scaled =
      unsafeBitCast(moved & 0x8FFF_FFFF, to: VectorMath.Vector.self) * VectorMath.Vector(repeating: 0x1p112)
    // Only where all exponent bits are set does the sum reach the top bit: infinity, and what is no number.
    let overflow = unsafeBitCast((words & 0x7C00_0000) &+ 0x0400_0000, to: SIMD16<Int32>.self) &>> 31
    let special = unsafeBitCast(overflow, to: SIMD16<UInt32>.self) & 0x7F80_0000
    return unsafeBitCast(unsafeBitCast(scaled, to: SIMD16<UInt32>.self) | special, to: VectorMath.Vector.self)
  }

  @inline(__always)
  static func halves(_ words: SIMD16<UInt32>) -> RunValues {
    (upperHalves(words &<< 16), upperHalves(words & 0xFFFF_0000))
  }
}

/// 32 half-precision numbers.
enum HalfBlock: StoredBlock {
  static var bytes: Int { 64 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    Pairs.halves(block.loadUnaligned(as: SIMD16<UInt32>.self))
  }
  @inline(__always)
  static func arranged(_ low: VectorMath.Vector, _ high: VectorMath.Vector) -> RunValues { Pairs.arranged(low, high) }
}

/// 32 bfloat16 numbers.
enum BrainBlock: StoredBlock {
  static var bytes: Int { 64 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    let words = block.loadUnaligned(as: SIMD16<UInt32>.self)
    return (
      unsafeBitCast(words &<< 16, to: VectorMath.Vector.self),
      unsafeBitCast(words & 0xFFFF_0000, to: VectorMath.Vector.self)
    )
  }
  @inline(__always)
  static func arranged(_ low: VectorMath.Vector, _ high: VectorMath.Vector) -> RunValues { Pairs.arranged(low, high) }
}

/// A block of Q8_0. The byte q is read as q + 384.
enum SignedByteBlock: ByteBlock {
  static var bytes: Int { 34 }
  static var offset: Float { 384 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    @inline(__always) func values(_ source: UnsafeRawPointer) -> VectorMath.Vector {
      // Turning the sign bit over adds 128.
      let bits = Order.rotated(words(source), rotation) & 0x007F_8000 ^ 0x43C0_0000
      return unsafeBitCast(bits, to: VectorMath.Vector.self)
    }
    return (values(block + 2), values(block + 18))
  }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    (half(block, halves), .zero)
  }
}

/// A block of Q4_0. The nibble q is read as q + 16.
enum NibbleBlock: ByteBlock {
  static var bytes: Int { 18 }
  static var offset: Float { 24 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues { nibbles(block + 2, order, rotation) }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    (half(block, halves), .zero)
  }

  /// Values 0–15 of a block are the low nibbles, 16–31 the high ones.
  @inline(__always)
  static func nibbles<Order: ByteOrder>(
    _ source: UnsafeRawPointer, _: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    let bytes = Order.rotated(words(source), rotation)
    return (
      unsafeBitCast(bytes &<< 4 & 0x0078_0000 | 0x4180_0000, to: VectorMath.Vector.self),
      unsafeBitCast(bytes & 0x0078_0000 | 0x4180_0000, to: VectorMath.Vector.self)
    )
  }
}

/// A block of Q4_1. The nibble q is read as q + 16.
enum NibbleMinimumBlock: ByteBlock {
  static var bytes: Int { 20 }
  static var hasMinimum: Bool { true }
  static var offset: Float { 16 }
  @inline(__always)
  static func unpacked<Order: ByteOrder>(
    _ block: UnsafeRawPointer, run: Int, _ order: Order.Type, _ rotation: SIMD16<UInt32>
  ) -> RunValues {
    NibbleBlock.nibbles(block + 4, order, rotation)
  }
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, _ halves: UnsafePointer<Float>) -> BlockFactors {
    (half(block, halves), half(block + 2, halves))
  }
}
