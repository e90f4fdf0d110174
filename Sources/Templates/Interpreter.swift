/// Executes the statements of one rendering.
final class Interpreter {
  let limits: TemplateLimits
  let now: TemplateDate?
  /// The template's names by their index.
  let names: [String]
  /// The function that a name stands for if no variable does, by the name's index.
  private let functions: [Function?]
  private let loopName: Name?

  /// What was written so far, by the innermost body whose output is caught.
  private(set) var output = ""
  /// The line that is executed, for messages.
  var line = 1
  private var steps = 0
  private var depth = 0
  private var cells: [any Cell] = []

  init(names: [String: Int], limits: TemplateLimits, now: TemplateDate?) {
    self.limits = limits
    self.now = now
    var list = Array(repeating: "", count: names.count)
    for (name, index) in names { list[index] = name }
    self.names = list
    functions = list.map { name in
      guard let function = Function(rawValue: name), function != .strftimeNow || now != nil else { return nil }
      return function
    }
    loopName = names["loop"].map(Name.init)
  }

  func name(_ name: Name) -> String { names[name.index] }

  func function(named name: Name) -> Function? { functions[name.index] }

  // MARK: Bounds

  func failure(_ message: String) -> TemplateError { TemplateError(.failure, line: line, message) }

  func limit(_ message: String) -> TemplateError { TemplateError(.limit, line: line, message) }

  /// Counts steps of work.
  func charge(_ count: Int = 1) throws(TemplateError) {
    let (sum, overflow) = steps.addingReportingOverflow(count)
    guard !overflow, sum <= limits.steps else {
      throw limit("the template takes more than \(limits.steps) steps")
    }
    steps = sum
  }

  /// Counts the work of reading or making text.
  func charge(text bytes: Int) throws(TemplateError) { if bytes >= 256 { try charge(bytes >> 8) } }

  /// Enters a level of statements, expressions or calls, which `leave` leaves.
  func enter() throws(TemplateError) {
    try charge()
    depth += 1
    guard depth <= limits.depth else {
      throw limit("more than \(limits.depth) levels of blocks, expressions and calls inside each other")
    }
  }

  func leave() { depth -= 1 }

  /// Refuses a text of too many bytes, before or after it is made.
  func check(textBytes: Int) throws(TemplateError) {
    guard textBytes <= limits.textBytes else { throw limit("a text is longer than \(limits.textBytes) bytes") }
  }

  /// A text that was just made.
  func made(_ text: String) throws(TemplateError) -> String {
    try check(textBytes: text.utf8.count)
    try charge(text: text.utf8.count)
    return text
  }

  /// A list that was just made.
  func made(_ elements: [Value]) throws(TemplateError) -> ValueList {
    try check(elements: elements.count)
    let list = ValueList(elements)
    try check(depth: list.depth)
    return list
  }

  func check(elements: Int) throws(TemplateError) {
    guard elements <= limits.elements else { throw limit("a list has more than \(limits.elements) elements") }
    try charge(elements >> 3)
  }

  func check(depth: Int) throws(TemplateError) {
    guard depth <= limits.depth else { throw limit("lists are nested in more than \(limits.depth) levels") }
  }

  /// Takes care that a cell is emptied in the end.
  func keep<Kept: Cell>(_ cell: Kept) -> Kept {
    cells.append(cell)
    return cell
  }

  /// Empties all cells, after which no value of the rendering may be used.
  func clearCells() {
    for cell in cells { cell.clear() }
    cells = []
  }

  // MARK: Output

  func write(_ text: String) throws(TemplateError) {
    output += text
    guard output.utf8.count <= limits.textBytes else {
      throw limit("the output is longer than \(limits.textBytes) bytes")
    }
    try charge(text: text.utf8.count)
  }

  /// What a body writes.
  func captured(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> String {
    let outer = output
    output = ""
    defer { output = outer }
    try body()
    return output
  }

  // MARK: Statements

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
    case .output(let expression):
      let value = try evaluate(expression, in: scope)
      line = expression.line
      if let text = value.text { try write(text) } else { try write(string(value)) }
    case .conditional(let branches, let otherwise):
      for branch in branches where try evaluate(branch.condition, in: scope).isTrue {
        return try execute(branch.body, in: scope)
      }
      return otherwise.isEmpty ? .normal : try execute(otherwise, in: scope)
    case .loop(let loop): try execute(loop, in: scope)
    case .set(let target, let expression):
      let value = try evaluate(expression, in: scope)
      line = expression.line
      try assign(value, to: target, in: scope)
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

  private func execute(_ loop: Loop, in scope: Scope) throws(TemplateError) {
    let sequence = try evaluate(loop.sequence, in: scope)
    line = loop.line
    var elements = try elements(of: sequence)
    if let condition = loop.condition {
      var kept: [Value] = []
      for element in elements {
        let inner = Scope(parent: scope)
        line = loop.line
        try assign(element, to: loop.target, in: inner)
        if try evaluate(condition, in: inner).isTrue { kept.append(element) }
      }
      elements = kept
    }
    guard !elements.isEmpty else {
      if !loop.otherwise.isEmpty { _ = try execute(loop.otherwise, in: Scope(parent: scope)) }
      return
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
