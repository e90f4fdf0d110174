import Maps
import Tokenizers

/// The texts of tokens as tables show them.
public struct TokenNames: Sendable {
  /// Gives the tokens their texts.
  public let tokenizer: Tokenizer

  /// Names by a tokenizer.
  public init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// The tokens of a response, [T]. Special tokens stand in `⟦⟧`; of tokens that only together are characters the first
  /// has the characters, and each has its bytes, as `<F0><9F>`.
  package func visible(_ tokens: [Int32]) -> [String] {
    var parts: ArraySlice<[UInt8]> = []
    return zip(tokens, TokenText.texts(of: tokens, by: tokenizer)).map { token, text in
      switch text {
      case .whole(let text):
        let visible = VisibleText.ofToken(text)
        return tokenizer.isSpecial(token) ? Self.marked(visible) : visible
      case .joined(let text, let all):
        parts = all.dropFirst()
        let characters = text.unicodeScalars.contains("\u{FFFD}") ? "" : VisibleText.ofToken(text)
        return characters + Self.hexadecimal(all.first ?? [])
      case .continued: return Self.hexadecimal(parts.popFirst() ?? [])
      }
    }
  }

  /// One token by itself.
  package func visible(_ token: Int32) -> String { visible([token])[0] }

  /// A prompt as the model sees it, its special tokens in `⟦⟧`. The others are decoded together, as characters may be
  /// spread over several.
  package func prompt(_ tokens: [Int32]) -> String {
    var text = ""
    var bytes: [UInt8] = []
    for token in tokens {
      if tokenizer.isSpecial(token) {
        text += VisibleText.ofLines(String(decoding: bytes, as: UTF8.self))
        text += Self.marked(VisibleText.ofToken(String(decoding: tokenizer.bytes(of: token), as: UTF8.self)))
        bytes = []
      } else {
        bytes += tokenizer.bytes(of: token)
      }
    }
    return text + VisibleText.ofLines(String(decoding: bytes, as: UTF8.self))
  }

  private static func marked(_ text: String) -> String { "⟦\(text)⟧" }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { "<" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) + ">" }.joined()
  }
}
