import Saliency
import Tensors

/// A response as a terminal shows it, each token in the look of what training will do to it.
public struct TerminalMap: Sendable {
  /// One token each; ids stand in for texts that are not known.
  private let pieces: [String]
  private let effects: [TokenEffect]
  private let palette: TerminalPalette

  /// A map of a response.
  /// - Parameters:
  ///   - tokens: the response tokens, [T].
  ///   - texts: the text of each token; without them the ids are shown.
  ///   - effects: what happens to each token; to one without, nothing.
  ///   - palette: the looks.
  public init(tokens: [Int32], texts: [TokenText]? = nil, effects: [TokenEffect], palette: TerminalPalette) {
    if let texts, texts.count == tokens.count {
      pieces = texts.map { text in
        switch text {
        case .whole(let text), .joined(let text, _): text
        case .continued: ""
        }
      }
    } else {
      pieces = tokens.map { "\($0) " }
    }
    self.effects = effects
    self.palette = palette
  }

  /// The text in its looks, without a newline at the end. Control characters in the tokens are shown, not obeyed; only
  /// line feeds break the line, and no look reaches over them, so that a pager may begin at any line.
  public var text: String {
    var text = ""
    var current: (opening: String, closing: String)?
    func change(to look: (opening: String, closing: String)?) {
      guard look?.opening != current?.opening else { return }
      text += (current?.closing ?? "") + (look?.opening ?? "")
      current = look
    }
    for (index, piece) in pieces.enumerated() where !piece.isEmpty {
      let effect =
        index < effects.count
        ? effects[index] : TokenEffect(direction: .none, strength: 0, tokenClass: .plain)
      let look = palette.look(effect)
      for (number, line) in piece.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        if number > 0 {
          if palette != .plain {
            change(to: look)
            text += "⏎"
          }
          change(to: nil)
          text += "\n"
        }
        guard !line.isEmpty else { continue }
        change(to: look)
        text += Self.visible(line)
      }
    }
    change(to: nil)
    return text
  }

  private static func visible(_ text: Substring) -> String {
    var visible = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x09: visible.unicodeScalars.append(scalar)
      // Controls, and what turns the direction of writing.
      case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
        visible += "\\u{\(String(scalar.value, radix: 16))}"
      default: visible.unicodeScalars.append(scalar)
      }
    }
    return visible
  }
}
