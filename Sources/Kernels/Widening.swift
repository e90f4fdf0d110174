/// Stored numbers to float32, sixteen values at a time.
extension WeightMatrix {
  /// Writes rows × columns of the window to `target` as float32, rows packed one after the other.
  /// - Precondition: `columnRange` starts and ends at multiples of the format's run length.
  public func widen(
    rows rowRange: Range<Int>, columns columnRange: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) {
    let window = Window(weight: self, rows: rowRange, columns: columnRange, target: target)
    switch format {
    case .f32:
      window.plain(bytes: 4) { source, count, target in
        UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
      }
    case .f16: window.plain(bytes: 2, Self.half)
    case .bf16: window.plain(bytes: 2, Self.brain)
    case .q8_0: window.blocks(SignedByteBlock.self)
    case .q4_0: window.blocks(NibbleBlock.self)
    case .q4_1: window.blocks(NibbleMinimumBlock.self)
    case .q5_0: window.blocks(FiveBitBlock.self)
    case .q5_1: window.blocks(FiveBitMinimumBlock.self)
    case .q2_k: window.superBlocks(TwoBitSuperBlock.self)
    case .q3_k: window.superBlocks(ThreeBitSuperBlock.self)
    case .q4_k: window.superBlocks(FourBitSuperBlock.self)
    case .q5_k: window.superBlocks(FiveBitSuperBlock.self)
    case .q6_k: window.superBlocks(SixBitSuperBlock.self)
    }
  }

  /// One whole row as float32, into memory for `columns` floats.
  public func widen(row: Int, into target: UnsafeMutablePointer<Float>) {
    widen(rows: row..<row + 1, columns: 0..<columns, into: target)
  }

  private static func half(_ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutablePointer<Float>) {
    var index = 0
    while index + 16 <= count {
      let bits = (source + index * 2).loadUnaligned(as: SIMD16<UInt16>.self)
      VectorMath.store(HalfPrecision.float(bits), target + index)
      index += 16
    }
    while index < count {
      target[index] = HalfPrecision.float((source + index * 2).loadUnaligned(as: UInt16.self))
      index += 1
    }
  }

  private static func brain(_ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutablePointer<Float>) {
    var index = 0
    while index + 16 <= count {
      let bits = (source + index * 2).loadUnaligned(as: SIMD16<UInt16>.self)
      // The standard library's conversions of vectors go lane by lane; shifts and logical operations do not.
      let wide = SIMD16<UInt32>(truncatingIfNeeded: bits) &<< 16
      VectorMath.store(unsafeBitCast(wide, to: SIMD16<Float>.self), target + index)
      index += 16
    }
    while index < count {
      target[index] = Float(bitPattern: UInt32((source + index * 2).loadUnaligned(as: UInt16.self)) << 16)
      index += 1
    }
  }
}

/// A window of a weight, and where its values go.
///
/// In blocks, product and sum are rounded apart, so that every value is ggml's to the last bit.
private struct Window {
  let weight: WeightMatrix
  let rows: Range<Int>
  let columns: Range<Int>
  let target: UnsafeMutablePointer<Float>

  /// Formats without blocks, a row at a time.
  @inline(__always)
  func plain(
    bytes: Int, _ widen: (_ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutablePointer<Float>) -> Void
  ) {
    for (index, row) in rows.enumerated() {
      widen(weight.bytes(row: row) + columns.lowerBound * bytes, columns.count, target + index * columns.count)
    }
  }

  /// Blocks of 32.
  func blocks<Block: StoredBlock>(_: Block.Type) {
    let rotation = FileOrder.rotation(width: Block.width)
    let halves = HalfPrecision.values
    var place = target
    for row in rows {
      var block = weight.bytes(row: row) + columns.lowerBound / 32 * Block.bytes
      for _ in 0..<columns.count / 32 {
        let (scale, minimum) = Block.factors(block, halves)
        let unpacked = Block.unpacked(block, run: 0, FileOrder.self, rotation)
        var low = (unpacked.0 - Block.offset) * scale
        var high = (unpacked.1 - Block.offset) * scale
        if Block.hasMinimum {
          low += minimum
          high += minimum
        }
        VectorMath.store(low, place)
        VectorMath.store(high, place + 16)
        block += Block.bytes
        place += 32
      }
    }
  }

  /// Blocks of several runs of 32; the window may begin and end within a block.
  func superBlocks<Block: StoredBlock>(_: Block.Type) {
    withUnsafeTemporaryAllocation(byteCount: 128, alignment: 64) { memory in
      guard let factors = memory.bindMemory(to: Float.self).baseAddress else { return }
      let rotation = FileOrder.rotation(width: Block.width)
      let halves = HalfPrecision.values
      let (first, end) = (columns.lowerBound / 32, columns.upperBound / 32)
      var place = target
      for row in rows {
        let source = weight.bytes(row: row)
        var run = first
        while run < end {
          let index = run / Block.runs
          let block = source + index * Block.bytes
          let (scale, minimum) = Block.factors(block, halves)
          VectorMath.store(scale, factors)
          VectorMath.store(minimum, factors + 16)
          for within in run - index * Block.runs..<min(end - index * Block.runs, Block.runs) {
            let unpacked = Block.unpacked(block, run: within, FileOrder.self, rotation)
            var low = (unpacked.0 - Block.offset) * factors[2 * within]
            var high = (unpacked.1 - Block.offset) * factors[2 * within + 1]
            if Block.hasMinimum {
              low += factors[16 + 2 * within]
              high += factors[17 + 2 * within]
            }
            VectorMath.store(low, place)
            VectorMath.store(high, place + 16)
            place += 32
          }
          run = (index + 1) * Block.runs
        }
      }
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
