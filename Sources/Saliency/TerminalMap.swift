import Tensors

/// A response in the colours of a terminal: salient tokens on green (correct) or red (incorrect), clustered ones on
/// yellow, plain ones as they are.
public struct TerminalMap: Sendable {
  private static let reset = "\u{1B}[0m"

  /// One token each; ids stand in for texts that are not known.
  private let pieces: [String]
  private let classes: [TokenClass]
  private let isIncorrect: Bool

  /// A map of a response.
  /// - Parameters:
  ///   - tokens: the response tokens, [T].
  ///   - texts: the text of each token; without it (or with another number of texts) the ids are shown.
  ///   - classes: the class of each token; tokens without one count as plain.
  ///   - isIncorrect: whether salient tokens are suppressed rather than reinforced.
  public init(tokens: [Int32], texts: [String]? = nil, classes: [TokenClass], isIncorrect: Bool) {
    if let texts, texts.count == tokens.count {
      pieces = texts
    } else {
      pieces = tokens.map { "\($0) " }
    }
    self.classes = classes
    self.isIncorrect = isIncorrect
  }

  /// The coloured text, without a newline at the end. Control characters in the tokens are shown, not obeyed; only
  /// line feeds break the line, and no colour reaches over them.
  public var text: String {
    var text = ""
    for (index, piece) in pieces.enumerated() {
      let colour = colour(index < classes.count ? classes[index] : .plain)
      for (number, line) in piece.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        if number > 0 { text += colour == nil ? "\n" : "\(colour ?? "")⏎\(Self.reset)\n" }
        guard !line.isEmpty else { continue }
        let visible = Self.visible(line)
        text += colour.map { $0 + visible + Self.reset } ?? visible
      }
    }
    return text
  }

  /// What the colours mean, on one line.
  public static let legend =
    "\u{1B}[30;42mreinforced\(reset) \u{1B}[30;41msuppressed\(reset) \u{1B}[30;43mclustered\(reset) plain"

  /// Black on a colour, which reads on light and dark terminals alike.
  private func colour(_ tokenClass: TokenClass) -> String? {
    switch tokenClass {
    case .plain: nil
    case .cluster: "\u{1B}[30;43m"
    case .salient: isIncorrect ? "\u{1B}[30;41m" : "\u{1B}[30;42m"
    }
  }

  private static func visible(_ text: Substring) -> String {
    var visible = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x09: visible.unicodeScalars.append(scalar)
      case 0..<0x20, 0x7F..<0xA0: visible += "\\u{\(String(scalar.value, radix: 16))}"
      default: visible.unicodeScalars.append(scalar)
      }
    }
    return visible
  }
}
