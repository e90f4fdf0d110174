/// GPT-2's way to spell bytes as visible characters: each byte is one scalar between U+0021 and U+0143.
///
/// Printable bytes of Latin-1 stand for themselves; the other 68 take the scalars from U+0100 on, in order.
enum ByteAlphabet {
  /// The scalar of each byte.
  static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (UInt32(0)..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte) ?? " "
      default:
        defer { next += 1 }
        return Unicode.Scalar(next) ?? " "
      }
    }
  }()

  /// The UTF-8 spelling of each byte, one or two bytes long.
  static let spellings: [[UInt8]] = scalars.map { Array(String($0).utf8) }

  /// The byte of each scalar up to U+0143, or -1.
  private static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = Int16(byte) }
    return bytes
  }()

  /// Appends the bytes that `text` spells, or its own UTF-8 if a scalar is outside the alphabet, as transformers does.
  static func append(bytesOf text: String, to target: inout [UInt8]) {
    let start = target.count
    for scalar in text.unicodeScalars {
      guard scalar.value < 0x144, bytes[Int(scalar.value)] >= 0 else {
        target.removeSubrange(start...)
        target.append(contentsOf: text.utf8)
        return
      }
      target.append(UInt8(bytes[Int(scalar.value)]))
    }
  }
}
