/// The functions that a template can call without having defined them.
enum Function: String {
  case range, namespace, dict
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
}

extension Interpreter {
  /// The result of a function.
  func call(_ function: Function, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let callee = function.rawValue
    switch function {
    case .raiseException:
      let message = try bind(arguments, ["message"], required: 1, to: callee)[0] ?? .none
      throw TemplateError(.raised, line: line, try string(message))
    case .strftimeNow:
      let format = try text(bind(arguments, ["format"], required: 1, to: callee)[0] ?? .none, of: callee)
      guard let now else { throw failure("strftime_now has no date") }
      var unknown = ""
      guard let result = now.formatted(format, unknown: &unknown) else {
        throw TemplateError(.unsupported, line: line, "\(unknown.quoted) in strftime_now is not supported")
      }
      return .string(try made(result))
    case .range: return try range(arguments)
    case .dict: return .dictionary(try dictionary(arguments, callee))
    case .namespace:
      let attributes = try dictionary(arguments, callee)
      guard attributes.entries.count <= 1000 else { throw limit("a namespace has more than 1000 attributes") }
      let namespace = keep(Namespace())
      for entry in attributes.entries {
        guard let name = entry.key.text else {
          throw failure("the attributes of a namespace have no \(entry.key.kind)")
        }
        guard !name.hasPrefix("_") else { throw failure("the attribute \(name.quoted) begins with an underscore") }
        namespace[name] = entry.value
      }
      return .namespace(namespace)
    }
  }

  private func range(_ arguments: CallArguments) throws(TemplateError) -> Value {
    let bounds = arguments.positional
    guard (1...3).contains(bounds.count), arguments.keywords.isEmpty else {
      throw failure("range takes one to three numbers")
    }
    let first = try integer(bounds[0], of: "range")
    let second = bounds.count > 1 ? try integer(bounds[1], of: "range") : first
    let step = bounds.count > 2 ? try integer(bounds[2], of: "range") : 1
    guard step != 0 else { throw failure("the step of a range is zero") }
    guard
      let range = IntegerRange(
        start: bounds.count > 1 ? first : 0, stop: second, step: step, limit: limits.elements)
    else { throw limit("a range has more than \(limits.elements) elements") }
    try charge(range.count >> 2)
    return .range(range)
  }

  /// What Python's `dict` makes of its arguments: a dictionary or pairs, then names.
  private func dictionary(_ arguments: CallArguments, _ callee: String) throws(TemplateError) -> ValueDictionary {
    guard arguments.positional.count <= 1 else { throw failure("\(callee) takes one argument without a name at most") }
    var builder = ValueDictionary.Builder()
    if let source = arguments.positional.first {
      if case .undefined(let undefined) = source { throw failure(undefined.message) }
      if case .dictionary(let dictionary) = source {
        if arguments.keywords.isEmpty { return dictionary }
        for entry in dictionary.entries { try builder.set(entry.key, dictionaryKey(entry.key), entry.value) }
      } else {
        for pair in try elements(of: source) {
          let parts = try elements(of: pair)
          guard parts.count == 2 else { throw failure("\(callee) needs pairs, not \(parts.count) values") }
          try builder.set(parts[0], dictionaryKey(parts[0]), parts[1])
        }
      }
    }
    for (name, value) in arguments.keywords { builder.set(.string(name), .text(TextKey(name)), value) }
    guard case .dictionary(let dictionary) = try made(builder) else { throw failure("\(callee) failed") }
    return dictionary
  }
}
