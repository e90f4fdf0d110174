/// Keeps control tokens that a user's text spells out from being taken for markup once a template has mixed both.
///
/// A template may trim, cut and test what it is given, so the text must reach it nearly as it is: only where a control
/// token begins in it, a noncharacter is put before, and taken away again behind the template.
struct ControlTokenGuard: Sendable {
  private var controls: AddedTokens

  /// A guard for the control tokens with these texts.
  init(_ texts: [String]) {
    controls = AddedTokens(capacity: texts.count)
    for (id, text) in texts.enumerated() {
      controls.insert(Int32(id), text: Array(text.utf8), isControl: true, rule: AddedTokenRule())
    }
  }

  /// A noncharacter that stands in none of the texts; nil if they hold every one.
  func mark(for texts: [String]) -> Unicode.Scalar? {
    (0xFDD0...0xFDEF as ClosedRange<UInt32>).lazy.compactMap(Unicode.Scalar.init).first { mark in
      !texts.contains { text in
        // EF B7 begins the noncharacters and some Arabic letters: most texts are done after one pass over bytes.
        text.utf8.contains(0xEF) && text.unicodeScalars.contains(mark)
      }
    }
  }

  /// The text with `mark` before each place at which a control token begins.
  func guarded(_ text: String, with mark: Unicode.Scalar) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var start = 0
    while let found = controls.first(in: bytes, start..<bytes.count, markup: [0..<bytes.count]) {
      let next = found.range.lowerBound + 1
      result += bytes[start..<next - 1]
      result += Array(String(mark).utf8)
      result.append(bytes[next - 1])
      start = next
    }
    guard start > 0 else { return text }
    return String(decoding: result + bytes[start...], as: UTF8.self)
  }

  /// A template's output in pieces, the marks taken out: the scalar behind a mark is text, all others are markup, so that
  /// no token that begins there lies wholly in markup.
  func pieces(of output: String, markedWith mark: Unicode.Scalar) -> [TemplatePiece] {
    let scalars = output.unicodeScalars
    guard output.utf8.contains(0xEF), scalars.contains(mark) else { return [.markup(output)] }
    var pieces: [TemplatePiece] = []
    var start = scalars.startIndex
    while let place = scalars[start...].firstIndex(of: mark) {
      if start < place { pieces.append(.markup(String(scalars[start..<place]))) }
      start = scalars.index(after: place)
      guard start < scalars.endIndex else { break }
      let next = scalars.index(after: start)
      pieces.append(.text(String(scalars[start..<next])))
      start = next
    }
    if start < scalars.endIndex { pieces.append(.markup(String(scalars[start...]))) }
    return pieces
  }
}
