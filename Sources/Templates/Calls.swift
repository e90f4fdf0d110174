extension Interpreter {
  /// The result of a call as it stands in a template.
  func call(
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
    let scope = Scope(parent: macro.scope)
    try bind(arguments, to: macro, in: scope)
    return try made(captured { () throws(TemplateError) in _ = try execute(macro.definition.body, in: scope) })
  }

  /// Sets the parameters of a macro.
  private func bind(_ arguments: CallArguments, to macro: Macro, in scope: Scope) throws(TemplateError) {
    let definition = macro.definition
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
      let most =
        definition.parameters.isEmpty ? "no arguments" : "no more arguments than \(definition.parameters.count)"
      throw failure("the macro \(macro.name.quoted) takes \(most), but got \(arguments.positional.count)")
    }
  }
}
