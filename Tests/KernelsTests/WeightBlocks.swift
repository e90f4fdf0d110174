import Kernels

/// Bytes of a weight matrix, made by hand, with the values that the formats' formulas give them.
final class WeightBlocks {
  let format: WeightFormat
  let rows: Int
  let columns: Int
  let bytes: [UInt8]
  /// Row after row, in the order stored.
  let values: [Double]
  private let memory: UnsafeMutableRawPointer

  /// Random bytes; scales are random halves of either sign, not larger than `largestScale`, some of them subnormal.
  init(_ format: WeightFormat, rows: Int, columns: Int, largestScale: Double = 0.02, seed: UInt64 = 12) {
    var generator = SplitMix64(seed: seed)
    var bytes: [UInt8] = []
    for _ in 0..<rows * columns / format.blockLength {
      bytes += Self.block(format, largestScale: largestScale, &generator)
    }
    self.format = format
    self.rows = rows
    self.columns = columns
    self.bytes = bytes
    values = Self.values(bytes, format)
    memory = .allocate(byteCount: bytes.count + 1, alignment: 64)
    bytes.withUnsafeBytes {
      memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: bytes.count)
    }
  }

  deinit { memory.deallocate() }

  /// The matrix over the bytes.
  func matrix(interleavedHeadDimension: Int? = nil) -> WeightMatrix {
    WeightMatrix(
      format: format, rows: rows, columns: columns, bytes: memory, owner: self,
      interleavedHeadDimension: interleavedHeadDimension)
  }

  /// The value of a half, from its sign, exponent and fraction.
  static func half(_ bits: UInt16) -> Double {
    let sign = bits >> 15 == 0 ? 1.0 : -1.0
    let exponent = Int(bits >> 10 & 31)
    let fraction = Double(bits & 1023) / 1024
    switch exponent {
    case 0: return sign * fraction * power(-14)
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default: return sign * (1 + fraction) * power(exponent - 15)
    }
  }

  private static func power(_ exponent: Int) -> Double {
    (0..<abs(exponent)).reduce(1.0) { value, _ in exponent > 0 ? value * 2 : value / 2 }
  }

  private static func littleEndian(_ bits: UInt16) -> [UInt8] { [UInt8(bits & 255), UInt8(bits >> 8)] }

  private static func scale(_ largest: Double, _ generator: inout SplitMix64) -> [UInt8] {
    while true {
      let bits = UInt16.random(in: 0...UInt16.max, using: &generator)
      if abs(half(bits)) <= largest { return littleEndian(bits) }
    }
  }

  private static func block(
    _ format: WeightFormat, largestScale: Double, _ generator: inout SplitMix64
  ) -> [UInt8] {
    func random(_ count: Int, _ generator: inout SplitMix64) -> [UInt8] {
      (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
    switch format {
    case .f32:
      let bits = generatorFloat(&generator).bitPattern
      return littleEndian(UInt16(truncatingIfNeeded: bits)) + littleEndian(UInt16(bits >> 16))
    case .bf16: return littleEndian(UInt16(generatorFloat(&generator).bitPattern >> 16))
    case .f16: return scale(1, &generator)
    case .q8_0: return scale(largestScale, &generator) + random(32, &generator)
    case .q4_0: return scale(largestScale, &generator) + random(16, &generator)
    case .q4_1: return scale(largestScale, &generator) + scale(largestScale, &generator) + random(16, &generator)
    default:
      var bytes = random(format.blockBytes, &generator)
      for place in format.halves {
        bytes.replaceSubrange(place..<place + 2, with: scale(largestScale, &generator))
      }
      return bytes
    }
  }

  private static func generatorFloat(_ generator: inout SplitMix64) -> Float { Float(2 * generator.unit() - 1) }

  /// The formulas of the formats, byte by byte.
  static func values(_ bytes: [UInt8], _ format: WeightFormat) -> [Double] {
    func half(_ place: Int) -> Double { Self.half(UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8) }
    return stride(from: 0, to: bytes.count, by: format.blockBytes).flatMap { start -> [Double] in
      switch format {
      case .f32:
        let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
        return [Double(Float(bitPattern: bits))]
      case .bf16:
        return [Double(Float(bitPattern: UInt32(bytes[start]) << 16 | UInt32(bytes[start + 1]) << 24))]
      case .f16: return [half(start)]
      case .q8_0: return (0..<32).map { half(start) * Double(Int8(bitPattern: bytes[start + 2 + $0])) }
      case .q4_0:
        return (0..<32).map { index in
          let byte = bytes[start + 2 + index % 16]
          return half(start) * Double(Int(index < 16 ? byte % 16 : byte / 16) - 8)
        }
      case .q4_1:
        return (0..<32).map { index in
          let byte = bytes[start + 4 + index % 16]
          return half(start) * Double(index < 16 ? byte % 16 : byte / 16) + half(start + 2)
        }
      default:
        let block = Array(bytes[start..<start + format.blockBytes])
        let halves = format.halves.map { half(start + $0) }
        return (0..<format.blockLength).map { QuantizedFormula.value(format, block, halves, $0) }
      }
    }
  }
}

extension WeightFormat {
  /// The formats whose blocks, if any, have 32 values.
  static let all: [WeightFormat] = [.f32, .f16, .bf16, .q8_0, .q4_0, .q4_1, .q5_0, .q5_1]
  /// The formats whose blocks have 256 values.
  static let superBlocks: [WeightFormat] = [.q2_k, .q3_k, .q4_k, .q5_k, .q6_k]
  /// The formats that a single row is multiplied with in whole numbers.
  static let integers: [WeightFormat] = [.q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_k, .q5_k, .q6_k]

  /// Where the half-precision numbers of a block are: d, and m or dmin where there is one.
  var halves: [Int] {
    switch self {
    case .f32, .f16, .bf16: []
    case .q8_0, .q4_0, .q5_0: [0]
    case .q4_1, .q5_1, .q4_k, .q5_k: [0, 2]
    case .q2_k: [80, 82]
    case .q3_k: [108]
    case .q6_k: [208]
    }
  }

  /// What a product with such weights may be off by, as a part of the largest result: runs of integers are multiplied
  /// with inputs of 16 bits where the processor has the instructions for it.
  var tolerance: Double {
    switch self {
    case .f32, .f16, .bf16, .q2_k, .q3_k: 2e-5
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_k, .q5_k, .q6_k: 5e-5
    }
  }
}
