import Kernels

/// The formulas of ggml's five-bit and K-quant blocks, one value at a time, as ggml's own loops over the bytes have them.
enum QuantizedFormula {
  /// Value `index` of a block.
  /// - Parameter halves: d, and m or dmin where the format has one.
  static func value(_ format: WeightFormat, _ block: [UInt8], _ halves: [Double], _ index: Int) -> Double {
    func bit(_ byte: Int, _ bit: Int) -> Int { Int(block[byte]) >> bit & 1 }
    func nibble(_ byte: Int, high: Bool) -> Int { high ? Int(block[byte]) / 16 : Int(block[byte]) % 16 }
    let d = halves[0]
    // Which 128 values, which 32 of them and which value of those; which sixteen of the block.
    let (half, run, place, sixteen) = (index / 128, index / 32 % 4, index % 32, index / 16)
    switch format {
    case .q5_0, .q5_1:
      let start = format == .q5_0 ? 2 : 4
      let q = nibble(start + 4 + index % 16, high: index >= 16) + 16 * bit(start + index / 8, index % 8)
      return format == .q5_0 ? d * Double(q - 16) : d * Double(q) + halves[1]
    case .q2_k:
      let q = Int(block[16 + 32 * half + place]) >> (2 * run) & 3
      return d * Double(nibble(sixteen, high: false) * q) - halves[1] * Double(nibble(sixteen, high: true))
    case .q3_k:
      let q = Int(block[32 + 32 * half + place]) >> (2 * run) & 3 - (bit(place, index / 32) == 1 ? 0 : 4)
      let low = nibble(96 + sixteen % 8, high: sixteen >= 8)
      let high = Int(block[104 + sixteen % 4]) >> (2 * (sixteen / 4)) & 3
      return d * Double((low + 16 * high - 32) * q)
    case .q4_k, .q5_k:
      let (scale, minimum) = scaleAndMinimum(Array(block[4..<16]), index / 32)
      let start = format == .q4_k ? 16 : 48
      var q = nibble(start + 32 * (index / 64) + place, high: index / 32 % 2 == 1)
      if format == .q5_k { q += 16 * bit(16 + place, index / 32) }
      return d * Double(scale * q) - halves[1] * Double(minimum)
    case .q6_k:
      let low = nibble(64 * half + 32 * (run % 2) + place, high: run >= 2)
      let high = Int(block[128 + 32 * half + place]) >> (2 * run) & 3
      return d * Double(Int(Int8(bitPattern: block[192 + sixteen])) * (low + 16 * high - 32))
    default: return .nan
    }
  }

  /// ggml's get_scale_min_k4.
  private static func scaleAndMinimum(_ bytes: [UInt8], _ index: Int) -> (Int, Int) {
    if index < 4 { return (Int(bytes[index] & 63), Int(bytes[index + 4] & 63)) }
    let scale = bytes[index + 4] & 15 | (bytes[index - 4] >> 6) << 4
    let minimum = bytes[index + 4] >> 4 | (bytes[index] >> 6) << 4
    return (Int(scale), Int(minimum))
  }
}
