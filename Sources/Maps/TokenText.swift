import Tokenizers

/// What is shown for one token of a response.
public enum TokenText: Sendable, Equatable {
  /// The token is whole characters.
  case whole(String)
  /// The first of tokens that only together are characters; one by itself if it never becomes any.
  /// - Parameters:
  ///   - text: of all of them; bytes that are no UTF-8 are U+FFFD.
  ///   - parts: the bytes of each.
  case joined(text: String, parts: [[UInt8]])
  /// A further token of those.
  case continued

  /// The texts of a response's tokens, [T].
  public static func texts(of tokens: [Int32], by tokenizer: Tokenizer) -> [TokenText] {
    texts(of: tokens.map { tokenizer.bytes(of: $0) })
  }

  /// The texts of tokens that stand for these bytes.
  public static func texts(of tokens: [[UInt8]]) -> [TokenText] {
    var texts: [TokenText] = []
    texts.reserveCapacity(tokens.count)
    var start = 0
    while start < tokens.count {
      var bytes = tokens[start]
      var end = start + 1
      while let missing = missingBytes(bytes), missing > 0, end < tokens.count,
        let next = tokens[end].first, next & 0xC0 == 0x80
      {
        bytes += tokens[end]
        end += 1
      }
      if end == start + 1, let text = String(validating: bytes, as: UTF8.self) {
        texts.append(.whole(text))
      } else {
        texts.append(.joined(text: String(decoding: bytes, as: UTF8.self), parts: Array(tokens[start..<end])))
        texts += Array(repeating: .continued, count: end - start - 1)
      }
      start = end
    }
    return texts
  }

  /// How many bytes the character at the end still needs; nil if there is no byte at all.
  private static func missingBytes(_ bytes: [UInt8]) -> Int? {
    guard !bytes.isEmpty else { return nil }
    // The last byte that begins a character, at most three before the end.
    for (behind, byte) in bytes.reversed().prefix(4).enumerated() where byte & 0xC0 != 0x80 {
      let length =
        switch byte {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
      return max(0, length - behind - 1)
    }
    return 0
  }
}
