/// Numbers of a record as text that stands in JSON: base64 (RFC 4648) of their bytes, little-endian, so that a page takes
/// them over as they are.
enum NumberText {
  /// 32 bits each.
  static func text(_ numbers: [Float]) -> String { base64(numbers.flatMap { bytes($0.bitPattern) }) }

  /// 32 bits each.
  static func text(_ numbers: [Int32]) -> String { base64(numbers.flatMap { bytes(UInt32(bitPattern: $0)) }) }

  /// Numbers that are not negative, seven bits a byte, low ones first, the high bit set in all bytes but the last.
  static func text(lengths numbers: [Int]) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(numbers.count * 2)
    for number in numbers {
      var rest = number
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }
    return base64(bytes)
  }

  private static func bytes(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func base64(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var word = 0
      for place in 0..<3 { word = word << 8 | (place < count ? Int(bytes[start + place]) : 0) }
      for place in 0..<4 {
        text.append(place <= count ? digits[word >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
