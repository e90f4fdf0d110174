/// One rendering: what it may cost, what it wrote, and where it is.
final class Interpreter {
  let limits: TemplateLimits
  let now: TemplateDate?
  /// The template's names by their index.
  let names: [String]
  /// The function that a name stands for if no variable does, by the name's index.
  private let functions: [Function?]
  /// The name `loop`, if the template speaks of it.
  let loopName: Name?

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
  func charge(text bytes: Int) throws(TemplateError) { if bytes >= 64 { try charge(bytes >> 6) } }

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
    try charge(elements >> 2)
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
}
