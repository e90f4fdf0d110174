import Maps
import Saliency
import Tensors
import Testing

@Suite struct TerminalMapTests {
  private let suppressed: [TokenEffect] = TokenEffect.effects(
    TokenWeights(
      classes: [.salient, .cluster, .plain, .plain], likelihood: [0, 0, 0, 5], unlikelihood: [5, 0, 0, 0]),
    factor: 10)
  private let reinforced: [TokenEffect] = TokenEffect.effects(
    TokenWeights(classes: [.salient, .plain], likelihood: [15, 1.6], unlikelihood: [0, 0]), factor: 10)

  @Test func effectsAreTheWeightsBeforeMeanAndFactor() {
    #expect(suppressed.map(\.direction) == [.suppressed, .none, .none, .reinforced])
    #expect(suppressed.map(\.strength) == [1, 0, 0, 2 / 3])
    #expect(reinforced.map(\.strength) == [1, Double(Float(1.6)) * 2 / 10 / 3])
  }

  @Test func shades() {
    let map = TerminalMap(
      tokens: [1, 2, 3, 4], texts: [.whole("So"), .whole(" 7"), .whole(" ="), .whole(" 8\nx")], effects: suppressed,
      palette: .shades)
    let expected = [
      "\u{1B}[1;4;30;48;5;208mSo\u{1B}[0m", "\u{1B}[4;2m 7\u{1B}[0m", "\u{1B}[2m =\u{1B}[0m",
      "\u{1B}[30;48;5;117m 8⏎\u{1B}[0m\n", "\u{1B}[30;48;5;117mx\u{1B}[0m",
    ]
    #expect(map.text == expected.joined())
    let correct = TerminalMap(
      tokens: [1, 2], texts: [.whole("4"), .whole("2")], effects: reinforced, palette: .shades)
    #expect(correct.text == "\u{1B}[1;4;30;48;5;75m4\u{1B}[0m\u{1B}[30;48;5;195m2\u{1B}[0m")
  }

  @Test func sixteenColours() {
    let map = TerminalMap(
      tokens: [1, 2, 3, 4], texts: [.whole("So"), .whole(" 7"), .whole(" ="), .whole(" 8")], effects: suppressed,
      palette: .colours)
    let expected = [
      "\u{1B}[1;4;30;43mSo\u{1B}[0m", "\u{1B}[4;2m 7\u{1B}[0m", "\u{1B}[2m =\u{1B}[0m",
      "\u{1B}[30;46m 8\u{1B}[0m",
    ]
    #expect(map.text == expected.joined())
  }

  @Test func bracketsWithoutColours() {
    let map = TerminalMap(
      tokens: [1, 2, 3, 4], texts: [.whole("So"), .whole(" 7"), .whole(" =\n"), .whole(" 8")], effects: suppressed,
      palette: .plain)
    #expect(map.text == "[-So]( 7){ =}\n 8")
    #expect(!TerminalPalette.plain.legend.contains("\u{1B}"))
  }

  @Test func neighboursThatLookAlikeShareTheirBrackets() {
    let alike = Array(repeating: reinforced[0], count: 3)
    let map = TerminalMap(
      tokens: [1, 2, 3], texts: [.whole("4"), .whole(" +\n"), .whole("5")], effects: alike, palette: .plain)
    #expect(map.text == "[+4 +]\n[+5]")
  }

  @Test func partsOfACharacterStandTogether() {
    let map = TerminalMap(
      tokens: [1, 2], texts: [.joined(text: "é", parts: [[0xC3], [0xA9]]), .continued], effects: reinforced,
      palette: .plain)
    #expect(map.text == "[+é]")
  }

  @Test func numbersStandInForTexts() {
    #expect(TerminalMap(tokens: [1, 22], effects: [], palette: .plain).text == "{1 22 }")
    #expect(TerminalMap(tokens: [1, 22], texts: [.whole("a")], effects: [], palette: .plain).text == "{1 22 }")
  }

  @Test func controlCharactersAreShown() {
    let plain = TokenEffect(direction: .reinforced, strength: 0.1, tokenClass: .plain)
    let map = TerminalMap(
      tokens: [1, 2], texts: [.whole("\u{1B}[2J\u{9B}1m\r\n"), .whole("a\tb\nc é\u{202E}")], effects: [plain, plain],
      palette: .plain)
    #expect(map.text == "\\u{1b}[2J\\u{9b}1m\\u{d}\\u{a}a\tb\nc é\\u{202e}")
  }

  @Test(arguments: [
    (["TERM": "xterm-256color"], TerminalPalette.shades), (["TERM": "xterm"], .colours),
    (["TERM": "xterm", "COLORTERM": "truecolor"], .shades), (["TERM": "dumb"], .plain), ([:], .plain),
    (["TERM": "xterm-256color", "NO_COLOR": "1"], .plain), (["TERM": "xterm-256color", "NO_COLOR": ""], .shades),
  ])
  func palettes(_ environment: [String: String], _ expected: TerminalPalette) {
    #expect(TerminalPalette { environment[$0] } == expected)
  }
}
