extension Interpreter {
  /// How a statement ended.
  enum Ending {
    case normal, breaks, continues
  }

  func execute(_ statements: [Statement], in scope: Scope) throws(TemplateError) -> Ending {
    try enter()
    defer { leave() }
    for statement in statements {
      let ending = try execute(statement, in: scope)
      guard ending == .normal else { return ending }
    }
    return .normal
  }

  private func execute(_ statement: Statement, in scope: Scope) throws(TemplateError) -> Ending {
    try charge()
    switch statement {
    case .text(let text, let line):
      self.line = line
      try write(text)
    case .output(let expression): try write(expression, in: scope)
    case .conditional(let branches, let otherwise):
      for branch in branches where try evaluate(branch.condition, in: scope).isTrue {
        return try execute(branch.body, in: scope)
      }
      return otherwise.isEmpty ? .normal : try execute(otherwise, in: scope)
    case .loop(let loop): return try execute(loop, in: scope)
    case .set(let target, let expression): try set(target, expression, in: scope)
    case .setBlock(let target, let filters, let body):
      try assign(filtered(body, filters, in: scope), to: target, in: scope)
    case .macro(let definition):
      let macro = keep(Macro(definition: definition, name: name(definition.name), scope: scope))
      scope.set(definition.name, .macro(macro))
    case .filterBlock(let filters, let body): try write(string(filtered(body, filters, in: scope)))
    case .generation(let body): _ = try execute(body, in: Scope(parent: scope))
    case .breakLoop: return .breaks
    case .continueLoop: return .continues
    }
    return .normal
  }

  private func write(_ expression: Expression, in scope: Scope) throws(TemplateError) {
    let value = try evaluate(expression, in: scope)
    line = expression.line
    try write(string(value))
  }

  private func set(_ target: Target, _ expression: Expression, in scope: Scope) throws(TemplateError) {
    let value = try evaluate(expression, in: scope)
    line = expression.line
    try assign(value, to: target, in: scope)
  }

  /// What a body writes, after it went through filters.
  private func filtered(
    _ body: [Statement], _ filters: [FilterUse], in scope: Scope
  ) throws(TemplateError) -> Value {
    let inner = Scope(parent: scope)
    let text = try captured { () throws(TemplateError) in _ = try execute(body, in: inner) }
    var value = Value.string(text)
    for use in filters { value = try apply(use, to: value, in: scope) }
    return value
  }

  private func execute(_ loop: Loop, in scope: Scope) throws(TemplateError) -> Ending {
    let sequence = try evaluate(loop.sequence, in: scope)
    line = loop.line
    let elements = try kept(elements(of: sequence), by: loop, in: scope)
    guard !elements.isEmpty else {
      // A 'break' in there leaves the loop around this one.
      return loop.otherwise.isEmpty ? .normal : try execute(loop.otherwise, in: Scope(parent: scope))
    }
    let state = keep(LoopState(elements: elements))
    for (index, element) in elements.enumerated() {
      try charge()
      state.index = index
      let inner = Scope(parent: scope)
      line = loop.line
      try assign(element, to: loop.target, in: inner)
      if let loopName { inner.set(loopName, .loop(state)) }
      if try execute(loop.body, in: inner) == .breaks { break }
    }
    return .normal
  }

  /// The elements for which the condition of a loop holds, if it has one.
  private func kept(_ elements: [Value], by loop: Loop, in scope: Scope) throws(TemplateError) -> [Value] {
    guard let condition = loop.condition else { return elements }
    var kept: [Value] = []
    for element in elements {
      let inner = Scope(parent: scope)
      line = loop.line
      try assign(element, to: loop.target, in: inner)
      if try evaluate(condition, in: inner).isTrue { kept.append(element) }
    }
    return kept
  }

  /// Sets what a target names.
  func assign(_ value: Value, to target: Target, in scope: Scope) throws(TemplateError) {
    switch target {
    case .name(let name): scope.set(name, value)
    case .tuple(let targets, let line):
      self.line = line
      let elements = try elements(of: value)
      guard elements.count == targets.count else {
        throw failure("\(elements.count) values cannot be unpacked into \(targets.count) names")
      }
      for (target, element) in zip(targets, elements) { try assign(element, to: target, in: scope) }
    case .attribute(let name, let attribute, let line):
      self.line = line
      guard case .namespace(let namespace)? = scope.lookUp(name) else {
        let found = scope.lookUp(name)?.kind ?? "undefined"
        throw failure("\(self.name(name).quoted) is \(found), not a namespace whose attributes could be set")
      }
      namespace[attribute] = value
    }
  }
}
