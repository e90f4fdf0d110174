import Foundation
import Testing
import Tokenizers

/// Canonical composition against Foundation's.
@Suite struct CompositionTests {
  /// A tokenizer that does nothing but compose: its tokens are the 256 bytes.
  private let tokenizer: Tokenizer

  init() throws {
    var vocabulary = Vocabulary(
      tokens: SmallVocabulary.bytes, kinds: SmallVocabulary.bytes.map { _ in .normal }, merges: [], splitRule: .gpt2,
      source: "bytes")
    vocabulary.normalization = .composed
    tokenizer = try Tokenizer(vocabulary: vocabulary)
  }

  private func composed(_ text: String) -> [UInt8] {
    tokenizer.encode(text, parseSpecial: false).map { UInt8(truncatingIfNeeded: $0) }
  }

  private func expected(_ text: String) -> [UInt8] { Array(text.precomposedStringWithCanonicalMapping.utf8) }

  @Test func everyScalar() {
    var different: [UInt32] = []
    for value in UInt32(0x80)..<0x30000 {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = String(scalar)
      if composed(text) != expected(text) { different.append(value) }
    }
    #expect(different == [])
  }

  /// Foundation on Linux takes U+10041 for U+0041 before a mark, so the other planes are left to `everyScalar`.
  @Test func everyDecomposedScalar() {
    var different: [UInt32] = []
    for value in UInt32(0x80)..<0x10000 {
      guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age, age.major <= 15 else { continue }
      let text = "a" + String(scalar).decomposedStringWithCanonicalMapping + "\u{301}b"
      if composed(text) != expected(text) { different.append(value) }
    }
    #expect(different == [])
  }

  @Test func marksInAnyOrder() {
    let parts = [
      "a", "e", "s", "\u{300}", "\u{301}", "\u{302}", "\u{323}", "\u{328}", "\u{307}", "\u{315}", "\u{345}", "\u{1100}",
      "\u{1161}", "\u{11A8}", "\u{9C7}", "\u{9BE}", "\u{1D165}", "\u{1D158}",
    ]
    var state: UInt64 = 7
    for _ in 0..<20_000 {
      var text = ""
      for _ in 0..<6 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text += parts[Int(state >> 33) % parts.count]
      }
      #expect(composed(text) == expected(text), "\(text.unicodeScalars.map { String($0.value, radix: 16) })")
    }
  }

  /// Expected from Python's unicodedata; Foundation on Linux leaves a syllable and a trailing consonant apart.
  @Test(arguments: [
    ("\u{AC00}\u{11A8}", "\u{AC01}"), ("\u{1100}\u{1161}\u{11A7}", "\u{AC00}\u{11A7}"),
    ("\u{1100}\u{1161}\u{11A8}", "\u{AC01}"), ("\u{AC01}\u{11A8}", "\u{AC01}\u{11A8}"),
    ("\u{1100}\u{1161}\u{301}\u{11A8}", "\u{AC00}\u{301}\u{11A8}"), ("\u{AC00}\u{11A7}", "\u{AC00}\u{11A7}"),
    ("\u{1161}\u{1100}\u{1161}", "\u{1161}\u{AC00}"),
  ])
  func hangul(_ text: String, _ expected: String) {
    #expect(composed(text) == Array(expected.utf8))
  }
}
