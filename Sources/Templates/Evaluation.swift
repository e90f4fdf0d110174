extension Interpreter {
  /// The value of an expression.
  func evaluate(_ expression: Expression, in scope: Scope) throws(TemplateError) -> Value {
    try enter()
    defer { leave() }
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
    case .attribute(let base, let name):
      let base = try evaluate(base, in: scope)
      line = expression.line
      return try attribute(name, of: base)
    case .item(let base, let index):
      let base = try evaluate(base, in: scope)
      let index = try evaluate(index, in: scope)
      line = expression.line
      return try item(index, of: base)
    case .slice(let base, let start, let stop, let step):
      let base = try evaluate(base, in: scope)
      let start = try start.map { (part) throws(TemplateError) in try evaluate(part, in: scope) }
      let stop = try stop.map { (part) throws(TemplateError) in try evaluate(part, in: scope) }
      let step = try step.map { (part) throws(TemplateError) in try evaluate(part, in: scope) }
      line = expression.line
      return try slice(base, start ?? .none, stop ?? .none, step ?? .none)
    case .call(let callee, let arguments): return try call(callee, arguments, line: expression.line, in: scope)
    case .filter(let base, let use): return try apply(use, to: evaluate(base, in: scope), in: scope)
    case .test(let base, let test, let arguments):
      let value = try evaluate(base, in: scope)
      let arguments = try evaluate(arguments, in: scope)
      line = expression.line
      return .bool(try holds(test, for: value, arguments))
    case .not(let operand): return .bool(!(try evaluate(operand, in: scope).isTrue))
    case .negative(let operand), .positive(let operand):
      let value = try evaluate(operand, in: scope)
      line = expression.line
      if case .negative = expression.node { return try negative(value) }
      return try positive(value)
    case .and(let left, let right):
      let value = try evaluate(left, in: scope)
      return value.isTrue ? try evaluate(right, in: scope) : value
    case .or(let left, let right):
      let value = try evaluate(left, in: scope)
      return value.isTrue ? value : try evaluate(right, in: scope)
    case .comparison(let first, let rest): return try compare(first, rest, line: expression.line, in: scope)
    case .arithmetic(let kind, let left, let right):
      let left = try evaluate(left, in: scope)
      let right = try evaluate(right, in: scope)
      line = expression.line
      return try arithmetic(kind, left, right)
    case .concatenation(let parts):
      var text = ""
      for part in parts {
        text += try string(evaluate(part, in: scope))
        try check(textBytes: text.utf8.count)
      }
      line = expression.line
      return .string(try made(text))
    case .conditional(let condition, let then, let otherwise):
      if try evaluate(condition, in: scope).isTrue { return try evaluate(then, in: scope) }
      if let otherwise { return try evaluate(otherwise, in: scope) }
      return .undefined(.other("the condition of an 'if' without 'else' does not hold"))
    }
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

  // MARK: Calls

  private func call(
    _ callee: Expression, _ arguments: Arguments, line: Int, in scope: Scope
  ) throws(TemplateError) -> Value {
    if case .attribute(let base, let name) = callee.node {
      let receiver = try evaluate(base, in: scope)
      self.line = callee.line
      if try hasMethod(receiver, name) {
        let arguments = try evaluate(arguments, in: scope)
        self.line = line
        return try call(method: name, of: receiver, arguments)
      }
      let value = try attribute(name, of: receiver)
      return try call(value, evaluate(arguments, in: scope), line: line)
    }
    return try call(evaluate(callee, in: scope), evaluate(arguments, in: scope), line: line)
  }

  private func call(_ callee: Value, _ arguments: CallArguments, line: Int) throws(TemplateError) -> Value {
    self.line = line
    switch callee {
    case .macro(let macro): return .string(try call(macro, arguments))
    case .function(let function): return try call(function, arguments)
    case .method(let method): return try call(method: method.name, of: method.receiver, arguments)
    case .undefined(let undefined): throw failure(undefined.message)
    default: throw failure("\(callee.kind) cannot be called")
    }
  }

  private func call(_ macro: Macro, _ arguments: CallArguments) throws(TemplateError) -> String {
    let definition = macro.definition
    let scope = Scope(parent: macro.scope)
    var keywords = arguments.keywords
    for (index, parameter) in definition.parameters.enumerated() {
      let value: Value
      if index < arguments.positional.count {
        value = arguments.positional[index]
      } else if let place = keywords.firstIndex(where: { $0.name == parameter.text }) {
        value = keywords.remove(at: place).value
      } else if let byDefault = parameter.byDefault {
        value = try evaluate(byDefault, in: scope)
      } else {
        value = .undefined(.parameter(parameter.text))
      }
      scope.set(parameter.name, value)
    }
    if let name = definition.kwargs {
      var builder = ValueDictionary.Builder()
      for (name, value) in keywords { builder.set(.string(name), .text(TextKey(name)), value) }
      scope.set(name, try made(builder))
    } else if let keyword = keywords.first {
      throw failure("the macro \(macro.name.quoted) takes no argument \(keyword.name.quoted)")
    }
    if let name = definition.varargs {
      scope.set(name, .tuple(try made(Array(arguments.positional.dropFirst(definition.parameters.count)))))
    } else if arguments.positional.count > definition.parameters.count {
      throw failure(
        "the macro \(macro.name.quoted) takes \(definition.parameters.count) arguments, not \(arguments.positional.count)")
    }
    return try made(captured { () throws(TemplateError) in _ = try execute(definition.body, in: scope) })
  }
}
