/// A part of a template that is executed.
indirect enum Statement: Sendable {
  case text(String, line: Int)
  case output(Expression)
  /// `if`, `elif`… and `else`.
  case conditional([(condition: Expression, body: [Statement])], otherwise: [Statement])
  case loop(Loop)
  case set(Target, Expression)
  /// `set` with a body, which goes through the filters.
  case setBlock(Target, [FilterUse], [Statement])
  case macro(MacroDefinition)
  /// `filter`: its body goes through the filters.
  case filterBlock([FilterUse], [Statement])
  /// `generation`: writes its body.
  case generation([Statement])
  case breakLoop(line: Int)
  case continueLoop(line: Int)
}

/// What `set` and `for` assign to.
indirect enum Target: Sendable {
  case name(Name)
  case tuple([Target], line: Int)
  /// An attribute of a namespace.
  case attribute(Name, String, line: Int)
}

/// A `for` loop.
struct Loop: Sendable {
  let target: Target
  let sequence: Expression
  /// `if` behind the sequence.
  let condition: Expression?
  let body: [Statement]
  /// What is done if the sequence is empty.
  let otherwise: [Statement]
  let line: Int
}

/// A macro as it is written.
struct MacroDefinition: Sendable {
  let name: Name
  let parameters: [(name: Name, text: String, byDefault: Expression?)]
  let body: [Statement]
  /// Where the body speaks of `varargs` or `kwargs`, the macro takes arguments beyond its parameters.
  let varargs: Name?
  let kwargs: Name?
  let line: Int
}
