import Saliency
import Tensors
import Testing

@Suite struct TerminalMapTests {
  @Test func tokensInTheirColours() {
    let map = TerminalMap(
      tokens: [1, 2, 3], texts: ["So", " 7", " =\n"], classes: [.plain, .salient, .cluster], isIncorrect: true)
    #expect(map.text == "So\u{1B}[30;41m 7\u{1B}[0m\u{1B}[30;43m =\u{1B}[0m\u{1B}[30;43m⏎\u{1B}[0m\n")
    let correct = TerminalMap(tokens: [2], texts: ["7"], classes: [.salient], isIncorrect: false)
    #expect(correct.text == "\u{1B}[30;42m7\u{1B}[0m")
  }

  @Test func idsStandInForTexts() {
    #expect(TerminalMap(tokens: [1, 22], classes: [.plain, .plain], isIncorrect: false).text == "1 22 ")
    #expect(TerminalMap(tokens: [1, 22], texts: ["a"], classes: [], isIncorrect: false).text == "1 22 ")
  }

  @Test func controlCharactersAreShown() {
    let map = TerminalMap(
      tokens: [1, 2], texts: ["\u{1B}[2J\u{9B}1m\r\n", "a\tb\nc é"], classes: [.plain, .plain], isIncorrect: false)
    #expect(map.text == "\\u{1b}[2J\\u{9b}1m\\u{d}\\u{a}a\tb\nc é")
  }
}
