import Tensors

/// How a terminal shows what happens to a token.
public enum TerminalPalette: Sendable, Equatable {
  /// 256 colours: four shades for the strength.
  case shades
  /// The sixteen colours that every terminal has: no strength.
  case colours
  /// No escape sequences at all: brackets with a sign.
  case plain

  /// The palette that the environment asks for: none if `NO_COLOR` is set to anything or the terminal is unknown or
  /// dumb; 256 colours if `TERM` or `COLORTERM` promises as many.
  /// - Parameter variable: the value of an environment variable.
  public init(environment variable: (String) -> String?) {
    let terminal = variable("TERM") ?? ""
    if !(variable("NO_COLOR") ?? "").isEmpty || terminal.isEmpty || terminal == "dumb" {
      self = .plain
    } else if terminal.contains("256") || terminal.contains("direct") || !(variable("COLORTERM") ?? "").isEmpty {
      self = .shades
    } else {
      self = .colours
    }
  }

  /// Cyan for reinforced and orange for suppressed tokens, which everybody can tell apart; black on each of them reads
  /// on light and dark terminals alike.
  private static let reinforcing = [195, 159, 117, 75]
  private static let suppressing = [230, 223, 215, 208]

  /// What stands in front of a token, or several in a row that look alike, and behind; nil for nothing. In colours
  /// salient tokens are bold and underlined, clustered ones underlined.
  func look(_ effect: TokenEffect) -> (opening: String, closing: String)? {
    if self == .plain { return Self.brackets(effect) }
    var parts: [String] = []
    switch effect.tokenClass {
    case .plain: break
    case .cluster: parts.append("4")
    case .salient: parts += ["1", "4"]
    }
    let shade = min(3, Int(effect.strength * 4))
    switch (effect.direction, self == .shades) {
    case (.none, _): parts.append("2")
    case (.reinforced, true): parts += ["30", "48", "5", "\(Self.reinforcing[shade])"]
    case (.suppressed, true): parts += ["30", "48", "5", "\(Self.suppressing[shade])"]
    case (.reinforced, false): parts += ["30", "46"]
    case (.suppressed, false): parts += ["30", "43"]
    }
    return ("\u{1B}[\(parts.joined(separator: ";"))m", "\u{1B}[0m")
  }

  private static func brackets(_ effect: TokenEffect) -> (opening: String, closing: String)? {
    switch (effect.direction, effect.tokenClass) {
    case (.suppressed, _): ("[-", "]")
    case (.reinforced, .salient): ("[+", "]")
    case (.reinforced, .cluster): ("(+", ")")
    case (.none, .cluster): ("(", ")")
    case (.reinforced, .plain): nil
    case (.none, .plain), (.none, .salient): ("{", "}")
    }
  }

  /// What the looks mean, on one line.
  public var legend: String {
    if self == .plain {
      return "[+salient, reinforced] [-suppressed] (+clustered, reinforced) (clustered) {nothing} reinforced"
    }
    func sample(
      _ word: String, _ direction: TokenEffect.Direction, _ strength: Double, _ tokenClass: TokenClass
    ) -> String {
      let look = look(TokenEffect(direction: direction, strength: strength, tokenClass: tokenClass))
      return (look?.opening ?? "") + word + (look?.closing ?? "")
    }
    return [
      sample("reinforced", .reinforced, 0.6, .plain), sample("salient", .reinforced, 1, .salient),
      sample("suppressed", .suppressed, 1, .salient), sample("clustered", .none, 0, .cluster),
      sample("nothing", .none, 0, .plain),
    ].joined(separator: " ")
  }
}
