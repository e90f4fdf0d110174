import Records
import Testing
import Tokenizers

@Suite struct SplitRuleTests {
  private func pieces(_ text: String, _ rule: SplitRule) -> [String] {
    let bytes = Array(text.utf8)
    var pieces: [String] = []
    rule.forEachPiece(of: bytes, in: 0..<bytes.count) { pieces.append(String(decoding: bytes[$0], as: UTF8.self)) }
    return pieces
  }

  @Test(arguments: SplitRule.allCases)
  func cutsAsHuggingFaceDoes(_ rule: SplitRule) throws {
    let lines = SplitFacts.lines.split(separator: "\n")
    #expect(lines.count == 48)
    for line in lines {
      let fact = try JSON(parsing: String(line))
      let text = try #require(fact["text"]?.string)
      let expected = try #require(fact[rule.rawValue]?.array).compactMap(\.string)
      #expect(pieces(text, rule).map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(text.debugDescription)")
    }
  }

  @Test func aLongStretchIsCutInOnePass() {
    let words = Array(repeating: "word", count: 100_000).joined(separator: " ")
    #expect(pieces(words, .smolLM).count == 100_000)
    #expect(pieces(String(repeating: "7 ", count: 50_000), .smolLM).count == 100_000)
  }

  @Test func theEmptyTextHasNoPieces() {
    for rule in SplitRule.allCases { #expect(pieces("", rule).isEmpty) }
  }

  @Test func onlyTheStretchIsLookedAt() {
    let bytes = Array("ab  cd".utf8)
    var ranges: [Range<Int>] = []
    SplitRule.gpt2.forEachPiece(of: bytes, in: 1..<4) { ranges.append($0) }
    #expect(ranges == [1..<2, 2..<4])
  }

  @Test func namesOfGGUF() {
    #expect(SplitRule(ggufName: "smollm") == .smolLM)
    #expect(SplitRule(ggufName: "llama-v3") == .llama3)
    #expect(SplitRule(ggufName: "starcoder") == .smolLM && SplitRule(ggufName: "command-r") == .smolLM)
    #expect(SplitRule(ggufName: "deepseek-r1-qwen") == .qwen2 && SplitRule(ggufName: "mpt") == .gpt2)
    #expect(SplitRule(ggufName: "default") == nil && SplitRule(ggufName: "tekken") == nil)
  }

  @Test func aLongRunOfWhitespaceIsLookedAtOnce() {
    #expect(pieces(String(repeating: " ", count: 400_000) + "x", .deepSeekLLM).count == 2)
  }
}
