import Testing
import Tokenizers

/// Tokens of pieces are kept from one text to the next; that must not show.
@Suite struct RepeatedPiecesTests {
  /// Words of letters that count up: "aaaa", "baaa", …
  private func word(_ number: Int) -> String {
    var number = number
    var word = ""
    for _ in 0..<4 {
      word.unicodeScalars.append(Unicode.Scalar(UInt8(ascii: "a") + UInt8(number % 26)))
      number /= 26
    }
    return word
  }

  @Test func moreWordsThanAreKept() throws {
    let tokenizer = try SmallVocabulary.tokenizer()
    let words = (0..<80_000).map { " " + word($0) }
    for _ in 0..<2 {
      let tokens = tokenizer.encode(words.joined(), parseSpecial: false)
      // A new tokenizer has seen nothing.
      let fresh = try SmallVocabulary.tokenizer()
      var expected: [Int32] = []
      for part in stride(from: 0, to: words.count, by: 20_000) {
        expected += fresh.encode(words[part..<part + 20_000].joined(), parseSpecial: false)
      }
      #expect(tokens == expected)
      #expect(tokenizer.decode(tokens, skipSpecial: false) == words.joined())
    }
  }

  @Test func lengthsAndZeroBytesTellPiecesApart() throws {
    let tokenizer = try SmallVocabulary.tokenizer()
    // Pieces whose first and last bytes are the same, and pieces of zero bytes, which are runs of one class.
    var texts = (1...40).map { String(repeating: "a", count: $0) } + (1...20).map { String(repeating: "\0", count: $0) }
    texts += ["ab", "aab", "abb", "abab", "ababab", "aaabaaa", "abcdefgh", "abcdefghi", "abcdefgefgh", "abcdefghefgh"]
    let expected = try texts.map { try SmallVocabulary.tokenizer().encode($0, parseSpecial: false) }
    for _ in 0..<2 {
      for (text, expected) in zip(texts, expected) {
        #expect(tokenizer.encode(text, parseSpecial: false) == expected, "\(text.debugDescription)")
      }
    }
  }

  @Test func fromSeveralThreads() async throws {
    let tokenizer = try SmallVocabulary.tokenizer()
    let text = (0..<2_000).map { " " + word($0 * 7) }.joined()
    let expected = try SmallVocabulary.tokenizer().encode(text, parseSpecial: false)
    await withTaskGroup(of: [Int32].self) { group in
      for _ in 0..<8 { group.addTask { tokenizer.encode(text, parseSpecial: false) } }
      for await tokens in group { #expect(tokens == expected) }
    }
  }
}
