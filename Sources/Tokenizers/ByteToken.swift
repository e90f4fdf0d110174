/// The tokens of SentencePiece vocabularies that stand for one byte, `<0x00>` to `<0xFF>`.
enum ByteToken {
  /// The byte that a token's text names, or nil.
  static func byte(_ text: String) -> UInt8? {
    let bytes = Array(text.utf8)
    guard bytes.count == 6, bytes.starts(with: "<0x".utf8), bytes[5] == UInt8(ascii: ">"),
      let high = Character(Unicode.Scalar(bytes[3])).hexDigitValue,
      let low = Character(Unicode.Scalar(bytes[4])).hexDigitValue
    else { return nil }
    return UInt8(high << 4 | low)
  }

  /// The text of a byte's token.
  static func text(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
  }
}

extension Vocabulary {
  /// The token of each byte, or -1.
  func byteTokens(_ table: TokenTable) -> [Int32] {
    switch spelling {
    case .bytes:
      ByteAlphabet.spellings.map { spelling in
        table.id(of: spelling).flatMap { kinds[Int($0)] == .normal ? $0 : nil } ?? -1
      }
    case .characters(let rules):
      (UInt8.min...UInt8.max).map { byte in
        guard rules.fallsBackToBytes else { return -1 }
        return table.id(of: ByteToken.text(byte)).flatMap { kinds[Int($0)] == .byte ? $0 : nil } ?? -1
      }
    }
  }
}
