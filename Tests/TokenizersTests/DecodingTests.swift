import Testing
import Tokenizers

@Suite struct DecodingTests {
  /// Expected from Hugging Face's tokenizers.
  @Test(arguments: [
    ([0xF0, 0x9F], "\u{FFFD}"), ([0xF0, 0x9F, 0x98, 0x41], "\u{FFFD}A"),
    ([0xE2, 0x82, 0xC3, 0x28], "\u{FFFD}\u{FFFD}("),
    ([0xC0, 0x80], "\u{FFFD}\u{FFFD}"), ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
    ([0xF0, 0x9F, 0x98, 0x80], "😀"), ([0xFF, 0x41, 0xFE], "\u{FFFD}A\u{FFFD}"), ([278, 279], "😀"),
  ])
  func brokenText(_ tokens: [Int32], _ expected: String) throws {
    #expect(try SmallVocabulary.tokenizer().decode(tokens, skipSpecial: false) == expected)
  }

  @Test func specialTokensAreSkippedOnRequest() throws {
    let tokenizer = try SmallVocabulary.tokenizer()
    #expect(tokenizer.decode([285, 259, 264, 287, 286], skipSpecial: true) == "hello world<think>")
    #expect(tokenizer.decode([285, 259, 264, 286], skipSpecial: false) == "<|im_start|>hello world<|im_end|>")
  }

  @Test func bytesOfTokens() throws {
    let tokenizer = try SmallVocabulary.tokenizer()
    #expect(tokenizer.bytes(of: 264) == Array(" world".utf8))
    #expect(tokenizer.bytes(of: 278) == [0xF0, 0x9F])
    for byte in UInt8.min...UInt8.max { #expect(tokenizer.bytes(of: Int32(byte)) == [byte]) }
    for outside in [-1, 289, Int32.max, Int32.min] {
      #expect(!tokenizer.contains(outside))
      #expect(tokenizer.bytes(of: outside) == Array("\u{FFFD}".utf8))
    }
  }

  @Test func namesOfTokens() throws {
    let tokenizer = try SmallVocabulary.tokenizer()
    #expect(tokenizer.vocabularySize == 289)
    #expect(tokenizer.token(named: "<|im_end|>") == 286)
    #expect(tokenizer.token(named: "Ġworld") == 264)
    #expect(tokenizer.token(named: " world") == nil)
    #expect(tokenizer.name(of: 264) == "Ġworld")
    #expect(tokenizer.name(of: 289) == nil)
    #expect(
      tokenizer.isSpecial(285) && !tokenizer.isSpecial(287) && !tokenizer.isSpecial(97) && !tokenizer.isSpecial(-1))
  }
}
