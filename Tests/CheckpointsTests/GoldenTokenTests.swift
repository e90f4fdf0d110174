import Checkpoints
import GoldenData
import Records
import Testing

@Suite(
  .enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)),
  .enabled(if: GoldenData.modelPath != nil, Comment(rawValue: GoldenData.modelComment)))
struct GoldenTokenTests {
  @Test func hardTextsTokeniseAsTheReferenceDoes() throws {
    let tokenizer = try ModelTokenizer.open(try #require(GoldenData.modelPath)).tokenizer
    let lines = try GoldenData.lines("smollm2-tokens.jsonl")
    #expect(lines.count == 185)
    for line in lines {
      let json = try JSON(parsing: line)
      let text = try #require(json["text"]?.string)
      let expected = try #require(json["tokens"]?.array).compactMap { $0.integer.map(Int32.init) }
      #expect(tokenizer.encode(text, parseSpecial: true) == expected, "\(text.debugDescription)")
    }
  }
}
