import Testing
import TinyModels
import Tokenizers

import Inspection

/// With a tokenizer of one token a byte and the marks of turns.
@Suite struct TokenNamesTests {
  private func names() throws -> TokenNames {
    TokenNames(try Tokenizer(tokenizerJSON: TinyTokenizer.tokenizer, configuration: nil, source: "tiny"))
  }

  private func tokens(_ text: String, _ names: TokenNames, special: Bool = false) -> [Int32] {
    names.tokenizer.encode(text, parseSpecial: special)
  }

  @Test func bytesOfCharactersAreShownBesideThem() throws {
    let names = try names()
    #expect(
      names.visible(tokens("a é\n", names) + [TinyTokenizer.endOfTurn])
        == ["a", "·", "é<C3>", "<A9>", "⏎", "⟦<|im_end|>⟧"])
    let emoji = tokens("😀", names)
    #expect(names.visible(emoji) == ["😀<F0>", "<9F>", "<98>", "<80>"])
    // Bytes that never become a character, and a token that the model does not have.
    #expect(names.visible(Array(emoji.prefix(2))) == ["<F0>", "<9F>"])
    #expect(names.visible([9999]) == ["\u{FFFD}"])
    #expect(names.visible([]) == [])
  }

  @Test func promptsShowWhatIsAMarkAndWhatOnlyLooksLikeOne() throws {
    let names = try names()
    let prompt = tokens("<|im_start|>user\nÉ ", names, special: true) + tokens("<|im_end|>\u{1B}", names)
    #expect(names.prompt(prompt) == "⟦<|im_start|>⟧user\nÉ <|im_end|>\\u{1b}")
  }

  @Test func jsonKeepsBytesThatAreNoText() throws {
    let names = try names()
    let members = names.json(tokens(" é", names)).map { $0.map { "\($0.key)=\($0.value.text)" } }
    #expect(
      members == [[#"text=" ""#], ["text=\"\u{FFFD}\"", #"bytes="c3""#], ["text=\"\u{FFFD}\"", #"bytes="a9""#]])
  }
}
