/// Text in which nothing is hidden: of tokens, of whose white space every character counts.
public enum VisibleText {
  /// Text on one line: spaces are `·`, line feeds `⏎`, tabs `⇥`, other controls and what is not seen `\u{…}`. A mark that
  /// belongs to a character before it gets a circle to stand on.
  public static func ofToken(_ text: String) -> String {
    var visible = ""
    for (place, scalar) in text.unicodeScalars.enumerated() {
      switch scalar {
      case " ": visible += "·"
      case "\n": visible += "⏎"
      case "\t": visible += "⇥"
      default:
        if place == 0, DisplayWidth.columns(of: scalar) == 0, !isHidden(scalar) { visible += "◌" }
        append(scalar, to: &visible)
      }
    }
    return visible
  }

  /// Text as it is, but for controls and what is not seen: `\u{…}`. Line feeds and tabs stay.
  public static func ofLines(_ text: String) -> String {
    var visible = ""
    for scalar in text.unicodeScalars {
      if scalar == "\n" || scalar == "\t" {
        visible.unicodeScalars.append(scalar)
      } else {
        append(scalar, to: &visible)
      }
    }
    return visible
  }

  /// Text on one line, its spaces as they are.
  public static func ofLine(_ text: String) -> String {
    ofLines(text.replacing("\n", with: "⏎").replacing("\t", with: "⇥"))
  }

  private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
    if isHidden(scalar) {
      text += "\\u{\(String(scalar.value, radix: 16))}"
    } else {
      text.unicodeScalars.append(scalar)
    }
  }

  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    case .spaceSeparator: scalar != " "
    default: false
    }
  }
}
