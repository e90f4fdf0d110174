extension Interpreter {
  /// The value of an expression.
  func evaluate(_ expression: Expression, in scope: Scope) throws(TemplateError) -> Value {
    try enter()
    defer { leave() }
    // Each case calls a function of its own: what all of them need together would make every level of the stack large.
    switch expression.node {
    case .none: return .none
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let text): return .string(text)
    case .name(let name): return try value(of: name, line: expression.line, in: scope)
    case .list(let elements): return .list(try made(evaluate(elements, in: scope)))
    case .tuple(let elements): return .tuple(try made(evaluate(elements, in: scope)))
    case .dictionary(let entries): return try dictionary(entries, line: expression.line, in: scope)
    case .attribute(let base, let name): return try attribute(name, of: base, line: expression.line, in: scope)
    case .item(let base, let index): return try item(index, of: base, line: expression.line, in: scope)
    case .slice(let base, let start, let stop, let step):
      return try slice(base, [start, stop, step], line: expression.line, in: scope)
    case .call(let callee, let arguments): return try call(callee, arguments, line: expression.line, in: scope)
    case .filter(let base, let use): return try apply(use, to: evaluate(base, in: scope), in: scope)
    case .test(let base, let test, let arguments):
      return try holds(test, for: base, arguments, line: expression.line, in: scope)
    case .not(let operand): return .bool(!(try evaluate(operand, in: scope).isTrue))
    case .negative(let operand): return try sign(operand, isNegative: true, line: expression.line, in: scope)
    case .positive(let operand): return try sign(operand, isNegative: false, line: expression.line, in: scope)
    case .and(let left, let right): return try either(left, right, decides: false, in: scope)
    case .or(let left, let right): return try either(left, right, decides: true, in: scope)
    case .comparison(let first, let rest): return try compare(first, rest, line: expression.line, in: scope)
    case .arithmetic(let kind, let left, let right):
      return try arithmetic(kind, left, right, line: expression.line, in: scope)
    case .concatenation(let parts): return try concatenate(parts, line: expression.line, in: scope)
    case .conditional(let condition, let then, let otherwise):
      return try choose(condition, then, otherwise, in: scope)
    }
  }

  private func attribute(
    _ name: String, of base: Expression, line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    let base = try evaluate(base, in: scope)
    self.line = line
    return try attribute(name, of: base)
  }

  private func item(
    _ index: Expression, of base: Expression, line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    let base = try evaluate(base, in: scope)
    let index = try evaluate(index, in: scope)
    self.line = line
    return try item(index, of: base)
  }

  private func slice(
    _ base: Expression, _ bounds: [Expression?], line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    let base = try evaluate(base, in: scope)
    var values: [Value] = []
    for bound in bounds {
      if let bound { values.append(try evaluate(bound, in: scope)) } else { values.append(.none) }
    }
    self.line = line
    return try slice(base, values[0], values[1], values[2])
  }

  private func holds(
    _ test: Test, for base: Expression, _ arguments: Arguments, line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    let value = try evaluate(base, in: scope)
    let arguments = try evaluate(arguments, in: scope)
    self.line = line
    return .bool(try holds(test, for: value, arguments))
  }

  private func sign(
    _ operand: Expression, isNegative: Bool, line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    let value = try evaluate(operand, in: scope)
    self.line = line
    return try isNegative ? negative(value) : positive(value)
  }

  /// `and`, `or`: the left operand if its truth value decides, else the right one.
  private func either(
    _ left: Expression, _ right: Expression, decides: Bool, in scope: Scope
  ) throws(TemplateError) -> Value {
    let value = try evaluate(left, in: scope)
    return value.isTrue == decides ? value : try evaluate(right, in: scope)
  }

  private func arithmetic(
    _ kind: Arithmetic, _ left: Expression, _ right: Expression, line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    let left = try evaluate(left, in: scope)
    let right = try evaluate(right, in: scope)
    self.line = line
    return try arithmetic(kind, left, right)
  }

  private func concatenate(_ parts: [Expression], line: Int, in scope: Scope) throws(TemplateError) -> Value {
    var text = ""
    for part in parts {
      text += try string(evaluate(part, in: scope))
      try check(textBytes: text.utf8.count)
    }
    self.line = line
    return .string(try made(text))
  }

  private func choose(
    _ condition: Expression, _ then: Expression, _ otherwise: Expression?, in scope: Scope
  ) throws(TemplateError) -> Value {
    if try evaluate(condition, in: scope).isTrue { return try evaluate(then, in: scope) }
    if let otherwise { return try evaluate(otherwise, in: scope) }
    return .undefined(.other("the condition of an 'if' without 'else' does not hold"))
  }

  private func evaluate(_ expressions: [Expression], in scope: Scope) throws(TemplateError) -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions { values.append(try evaluate(expression, in: scope)) }
    return values
  }

  /// The values of the arguments of a call, a filter or a test.
  func evaluate(_ arguments: Arguments, in scope: Scope) throws(TemplateError) -> CallArguments {
    var result = CallArguments(positional: try evaluate(arguments.positional, in: scope))
    for (name, expression) in arguments.keywords {
      result.keywords.append((name, try evaluate(expression, in: scope)))
    }
    return result
  }

  private static let unsupportedFunctions: Set<String> = ["cycler", "joiner", "lipsum", "self", "super", "caller"]

  private func value(of name: Name, line: Int, in scope: Scope) throws(TemplateError) -> Value {
    if let value = scope.lookUp(name) { return value }
    if let function = function(named: name) { return .function(function) }
    let text = self.name(name)
    guard !Self.unsupportedFunctions.contains(text) else {
      throw TemplateError(.unsupported, line: line, "the function \(text.quoted) is not supported")
    }
    return .undefined(.variable(text))
  }

  private func dictionary(
    _ entries: [(key: Expression, value: Expression)], line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    var builder = ValueDictionary.Builder()
    for entry in entries {
      let key = try evaluate(entry.key, in: scope)
      let value = try evaluate(entry.value, in: scope)
      self.line = line
      try builder.set(key, dictionaryKey(key), value)
    }
    return try made(builder)
  }

  /// What identifies a key of a dictionary.
  func dictionaryKey(_ key: Value) throws(TemplateError) -> DictionaryKey {
    if let text = key.text { try charge(text: text.utf8.count) }
    guard let identity = DictionaryKey(key) else { throw failure("\(key.kind) cannot be a key of a dictionary") }
    return identity
  }

  /// A dictionary that was just put together.
  func made(_ builder: ValueDictionary.Builder) throws(TemplateError) -> Value {
    try check(elements: builder.count)
    let dictionary = builder.dictionary
    try check(depth: dictionary.depth)
    return .dictionary(dictionary)
  }

  private func compare(
    _ first: Expression, _ rest: [(comparison: Comparison, operand: Expression)], line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    var left = try evaluate(first, in: scope)
    for (comparison, operand) in rest {
      let right = try evaluate(operand, in: scope)
      self.line = line
      guard try holds(comparison, left, right) else { return .bool(false) }
      left = right
    }
    return .bool(true)
  }
}
