import Maps
import Testing

@Suite struct TokenTextTests {
  private func texts(_ tokens: [[UInt8]]) -> [TokenText] { TokenText.texts(of: tokens) }
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func wholeCharactersStandByThemselves() {
    #expect(
      texts([bytes("So"), bytes(" 7é"), [], bytes("\n")]) == [.whole("So"), .whole(" 7é"), .whole(""), .whole("\n")])
  }

  @Test(arguments: [1, 2, 3])
  func partsOfACharacterAreJoined(cut: Int) {
    let cat = bytes("🐈")
    let parts = [Array(cat[..<cut]), Array(cat[cut...])]
    #expect(
      texts([bytes("a")] + parts + [bytes("b")]) == [
        .whole("a"), .joined(text: "🐈", parts: parts), .continued, .whole("b"),
      ])
  }

  @Test func byteByByte() {
    let parts = bytes("🐈").map { [$0] }
    #expect(texts(parts) == [.joined(text: "🐈", parts: parts), .continued, .continued, .continued])
  }

  /// A token that ends one character and begins the next keeps the chain together.
  @Test func chains() {
    let (one, other) = (bytes("é"), bytes("日"))
    let parts = [[0x61, one[0]], [one[1], other[0]], Array(other[1...]) + [0x62]]
    #expect(texts(parts) == [.joined(text: "aé日b", parts: parts), .continued, .continued])
  }

  @Test func bytesThatNeverBecomeCharacters() {
    #expect(texts([[0x80], bytes("a")]) == [.joined(text: "\u{FFFD}", parts: [[0x80]]), .whole("a")])
    #expect(texts([[0xF0, 0x9F], bytes("a")]) == [.joined(text: "\u{FFFD}", parts: [[0xF0, 0x9F]]), .whole("a")])
    #expect(texts([[0xE2, 0x82]]) == [.joined(text: "\u{FFFD}", parts: [[0xE2, 0x82]])])
    #expect(texts([[0xFF, 0xC3, 0xA9]]) == [.joined(text: "\u{FFFD}é", parts: [[0xFF, 0xC3, 0xA9]])])
  }
}
