import Foundation
import GoldenData
import Records
import Testing
import Tokenizers

/// SmolLM2's tokenizer.json, which lies outside the project.
private let tokenizerPath = ProcessInfo.processInfo.environment["NLFT_TOKENIZER_JSON"]

/// SmolLM2's own vocabulary against recorded tokens of transformers.
@Suite(
  .enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)),
  .enabled(if: tokenizerPath != nil, "set NLFT_TOKENIZER_JSON to SmolLM2's tokenizer.json"))
struct RealVocabularyTests {
  private func tokenizer() throws -> Tokenizer {
    let path = try #require(tokenizerPath)
    let json = try JSON(parsing: WholeFile.bytes(path))
    return try Tokenizer(tokenizerJSON: json, source: path)
  }

  private func lines(_ name: String) throws -> [JSON] {
    try GoldenData.lines(name).map { try JSON(parsing: $0) }
  }

  private func tokens(_ value: JSON?) throws -> [Int32] {
    try #require(value?.array).compactMap { $0.integer.map { Int32($0) } }
  }

  @Test func hardTexts() throws {
    let tokenizer = try tokenizer()
    let lines = try lines("smollm2-tokens.jsonl")
    #expect(lines.count == 185)
    for line in lines {
      let text = try #require(line["text"]?.string)
      let expected = try tokens(line["tokens"])
      #expect(tokenizer.encode(text, parseSpecial: true) == expected, "\(text.debugDescription)")
      if !text.utf8.contains(where: { tokenizer.bytesWithoutToken.contains($0) }) {
        #expect(Array(tokenizer.decode(expected, skipSpecial: false).utf8) == Array(text.utf8))
      }
    }
  }

  @Test(arguments: ["smollm2-logprob.jsonl", "smollm2-greedy.jsonl"])
  func prompts(_ name: String) throws {
    let tokenizer = try tokenizer()
    let template = try chatTemplate(jinja: ChatTemplateTests.smolLM2, tokenizer: tokenizer, source: "template")
    let lines = try lines(name)
    #expect(!lines.isEmpty)
    for line in lines {
      let question = try #require(line["question"]?.string)
      let fields = PromptFields(instruction: line["system"]?.string, question: question)
      let messages = try PromptSet.defaults().messages(.base, fields: fields)
      #expect(renderTokens(messages, template: template, tokenizer: tokenizer) == (try tokens(line["prompt_tokens"])))
      // Responses that ended of themselves carry the end-of-turn token.
      if let output = line["output"]?.string {
        let expected = try tokens(line["output_tokens"])
        let end = try #require(tokenizer.token(named: template.endOfTurn))
        let encoded = tokenizer.encode(output, parseSpecial: false) + (expected.last == end ? [end] : [])
        #expect(encoded == expected)
        #expect(tokenizer.decode(expected, skipSpecial: true) == output)
      }
    }
  }
}
