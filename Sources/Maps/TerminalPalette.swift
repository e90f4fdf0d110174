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

  /// Parameters of the escape sequence that begins the token's look; nil for none. Salient tokens are bold and
  /// underlined, clustered ones underlined.
  func rendition(_ effect: TokenEffect) -> String? {
    var parts: [String] = []
    switch effect.tokenClass {
    case .plain: break
    case .cluster: parts.append("4")
    case .salient: parts += ["1", "4"]
    }
    switch (self, effect.direction) {
    case (.plain, _): return nil
    case (_, .none): parts.append("2")
    case (.shades, .reinforced): parts += ["30", "48", "5", "\(Self.reinforcing[shade(effect)])"]
    case (.shades, .suppressed): parts += ["30", "48", "5", "\(Self.suppressing[shade(effect)])"]
    case (.colours, .reinforced): parts += ["30", "46"]
    case (.colours, .suppressed): parts += ["30", "43"]
    }
    return parts.joined(separator: ";")
  }

  private func shade(_ effect: TokenEffect) -> Int { min(3, Int(effect.strength * 4)) }

  /// What stands around a token where there are no colours; nil for nothing.
  func brackets(_ effect: TokenEffect) -> (opening: String, closing: String)? {
    guard self == .plain else { return nil }
    switch (effect.direction, effect.tokenClass) {
    case (.suppressed, _): return ("[-", "]")
    case (.reinforced, .salient): return ("[+", "]")
    case (.reinforced, .cluster): return ("(+", ")")
    case (.none, .cluster): return ("(", ")")
    case (.reinforced, .plain): return nil
    case (.none, .plain), (.none, .salient): return ("{", "}")
    }
  }

  /// What the looks mean, on one line.
  public var legend: String {
    if self == .plain {
      return "[+salient, reinforced] [-suppressed] (+clustered, reinforced) (clustered) {nothing} reinforced"
    }
    func sample(_ word: String, _ direction: TokenEffect.Direction, _ strength: Double, _ tokenClass: TokenClass)
      -> String
    {
      let effect = TokenEffect(direction: direction, strength: strength, tokenClass: tokenClass)
      return "\u{1B}[\(rendition(effect) ?? "0")m\(word)\u{1B}[0m"
    }
    return [
      sample("reinforced", .reinforced, 0.6, .plain), sample("salient", .reinforced, 1, .salient),
      sample("suppressed", .suppressed, 1, .salient), sample("clustered", .none, 0, .cluster),
      sample("nothing", .none, 0, .plain),
    ].joined(separator: " ")
  }
}
