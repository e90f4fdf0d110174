/// Reads tokens into statements, by Jinja's grammar. What is not supported is refused by name.
struct Parser {
  let tokens: [Token]
  let limits: TemplateLimits
  var index = 0
  /// Blocks and expressions around the place.
  var nesting = 0
  /// Loops around the place, within the innermost macro or other body of its own.
  var loops = 0
  var names: [String: Int] = [:]

  init(_ source: String, limits: TemplateLimits) throws(TemplateError) {
    guard source.utf8.count <= limits.sourceBytes else {
      throw TemplateError(.limit, line: 1, "the template is longer than \(limits.sourceBytes) bytes")
    }
    tokens = try Lexer.tokens(of: source)
    self.limits = limits
  }

  var token: Token { tokens[index] }

  mutating func advance() { if index < tokens.count - 1 { index += 1 } }

  func isName(_ name: String) -> Bool { token.kind == .name(name) }

  func isSymbol(_ symbol: Token.Symbol) -> Bool { token.kind == .symbol(symbol) }

  /// The kind of the token behind the present one.
  var nextKind: Token.Kind { tokens[min(index + 1, tokens.count - 1)].kind }

  mutating func skip(_ symbol: Token.Symbol) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func skip(name: String) -> Bool {
    guard isName(name) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: Token.Symbol) throws(TemplateError) {
    guard skip(symbol) else { throw unexpected("'\(symbol.rawValue)'") }
  }

  mutating func expect(_ kind: Token.Kind) throws(TemplateError) {
    guard token.kind == kind else { throw unexpected(Token(kind: kind, line: 0).shown) }
    advance()
  }

  mutating func expectName() throws(TemplateError) -> String {
    guard case .name(let name) = token.kind else { throw unexpected("a name") }
    advance()
    return name
  }

  func unexpected(_ expected: String) -> TemplateError {
    TemplateError(.syntax, line: token.line, "\(token.shown) was found where \(expected) was expected")
  }

  func unsupported(_ what: String, line: Int? = nil) -> TemplateError {
    TemplateError(.unsupported, line: line ?? token.line, what + " is not supported")
  }

  mutating func name(_ text: String) -> Name {
    if let index = names[text] { return Name(index: index) }
    names[text] = names.count
    return Name(index: names.count - 1)
  }

  mutating func nest() throws(TemplateError) {
    nesting += 1
    guard nesting <= limits.nesting else {
      throw TemplateError(.limit, line: token.line, "more than \(limits.nesting) levels inside each other")
    }
  }

  // MARK: Statements

  /// The whole template.
  mutating func template() throws(TemplateError) -> [Statement] {
    let statements = try statements(until: [])
    guard token.kind == .end else { throw unexpected("the end of the template") }
    guard names.count <= 1000 else { throw TemplateError(.limit, line: 1, "the template has more than 1000 names") }
    return statements
  }

  /// The statements up to one of the tags `ends`, at whose name the parser then stands, or up to the end.
  mutating func statements(until ends: [String]) throws(TemplateError) -> [Statement] {
    try nest()
    defer { nesting -= 1 }
    let start = token.line
    var statements: [Statement] = []
    while true {
      switch token.kind {
      case .text(let text):
        statements.append(.text(text, line: token.line))
        advance()
      case .outputStart:
        advance()
        statements.append(.output(try tuple()))
        try expect(.outputEnd)
      case .tagStart:
        advance()
        if case .name(let tag) = token.kind, ends.contains(tag) { return statements }
        statements.append(try statement())
        try expect(.tagEnd)
      default:
        guard ends.isEmpty else {
          let expected = ends.map(\.quoted).joined(separator: " or ")
          throw TemplateError(.syntax, line: token.line, "\(expected) is missing for the block of line \(start)")
        }
        return statements
      }
    }
  }

  /// A body and the tag that ends it, which is stepped over.
  private mutating func body(until end: String) throws(TemplateError) -> [Statement] {
    try expect(.tagEnd)
    let statements = try statements(until: [end])
    advance()
    return statements
  }

  /// A body in a scope of its own, out of which no loop can be left.
  private mutating func separateBody(until end: String) throws(TemplateError) -> [Statement] {
    let outer = loops
    loops = 0
    defer { loops = outer }
    return try body(until: end)
  }

  private mutating func statement() throws(TemplateError) -> Statement {
    let line = token.line
    guard case .name(let tag) = token.kind else { throw unexpected("the name of a tag") }
    advance()
    switch tag {
    case "if": return try conditional()
    case "for": return try loop(line: line)
    case "set": return try set()
    case "macro": return try macro(line: line)
    case "filter":
      var filters = [try filterUse()]
      while skip(.pipe) { filters.append(try filterUse()) }
      return .filterBlock(filters, try separateBody(until: "endfilter"))
    case "generation": return .generation(try separateBody(until: "endgeneration"))
    case "break", "continue":
      guard loops > 0 else { throw TemplateError(.syntax, line: line, "'\(tag)' stands outside of a loop") }
      return tag == "break" ? .breakLoop(line: line) : .continueLoop(line: line)
    case "elif", "else", "endif", "endfor", "endset", "endmacro", "endfilter", "endgeneration":
      throw TemplateError(.syntax, line: line, "the tag '\(tag)' ends nothing that is open here")
    default: throw unsupported("the tag \(tag.quoted)", line: line)
    }
  }

  private mutating func conditional() throws(TemplateError) -> Statement {
    var branches: [(condition: Expression, body: [Statement])] = []
    repeat {
      let condition = try tuple(allowsConditional: false)
      try expect(.tagEnd)
      branches.append((condition, try statements(until: ["elif", "else", "endif"])))
    } while skip(name: "elif")
    if skip(name: "else") { return .conditional(branches, otherwise: try body(until: "endif")) }
    advance()
    return .conditional(branches, otherwise: [])
  }

  private mutating func loop(line: Int) throws(TemplateError) -> Statement {
    let target = try target(allowsAttributes: false)
    guard skip(name: "in") else { throw unexpected("'in'") }
    let sequence = try tuple(allowsConditional: false)
    let condition = skip(name: "if") ? try expression() : nil
    if isName("recursive") { throw unsupported("a recursive loop") }
    try expect(.tagEnd)
    loops += 1
    let body = try statements(until: ["else", "endfor"])
    loops -= 1
    var otherwise: [Statement] = []
    if skip(name: "else") { otherwise = try self.body(until: "endfor") } else { advance() }
    return .loop(
      Loop(
        target: target, sequence: sequence, condition: condition, body: body, otherwise: otherwise, line: line))
  }

  private mutating func set() throws(TemplateError) -> Statement {
    let target = try target(allowsAttributes: true)
    if skip(.assign) { return .set(target, try tuple()) }
    var filters: [FilterUse] = []
    while skip(.pipe) { filters.append(try filterUse()) }
    return .setBlock(target, filters, try separateBody(until: "endset"))
  }

  private mutating func target(allowsAttributes: Bool) throws(TemplateError) -> Target {
    let line = token.line
    var targets = [try singleTarget(allowsAttributes)]
    guard isSymbol(.comma) else { return targets[0] }
    while skip(.comma), !isName("in"), !isSymbol(.assign) { targets.append(try singleTarget(allowsAttributes)) }
    return .tuple(targets, line: line)
  }

  private mutating func singleTarget(_ allowsAttributes: Bool) throws(TemplateError) -> Target {
    let line = token.line
    if skip(.leftParenthesis) {
      try nest()
      defer { nesting -= 1 }
      let target = try target(allowsAttributes: allowsAttributes)
      try expect(.rightParenthesis)
      return target
    }
    let text = try expectName()
    guard !Self.reserved.contains(text) else {
      throw TemplateError(.syntax, line: line, "'\(text)' cannot be assigned to")
    }
    guard allowsAttributes || text != "loop" else {
      throw TemplateError(.syntax, line: line, "a loop's own variable cannot be called 'loop'")
    }
    guard allowsAttributes, skip(.dot) else { return .name(name(text)) }
    let attribute = try expectName()
    guard !attribute.hasPrefix("_") else {
      throw TemplateError(.failure, line: line, "the attribute \(attribute.quoted) begins with an underscore")
    }
    return .attribute(name(text), attribute, line: line)
  }

  private mutating func macro(line: Int) throws(TemplateError) -> Statement {
    let name = self.name(try expectName())
    try expect(.leftParenthesis)
    var parameters: [(name: Name, text: String, byDefault: Expression?)] = []
    while !isSymbol(.rightParenthesis) {
      if !parameters.isEmpty { try expect(.comma) }
      let line = token.line
      let text = try expectName()
      let byDefault = skip(.assign) ? try expression() : nil
      guard byDefault != nil || parameters.last?.byDefault == nil else {
        throw TemplateError(.syntax, line: line, "the parameter \(text.quoted) needs a default, as the one before has")
      }
      guard !parameters.contains(where: { $0.text == text }) else {
        throw TemplateError(.syntax, line: line, "the parameter \(text.quoted) stands twice")
      }
      parameters.append((self.name(text), text, byDefault))
    }
    advance()
    let start = index
    let body = try separateBody(until: "endmacro")
    let words = tokens[start..<index]
    if let word = words.first(where: { $0.kind == .name("caller") }) {
      throw unsupported("'caller'", line: word.line)
    }
    func mentioned(_ text: String) -> Bool {
      words.contains { $0.kind == .name(text) } && !parameters.contains { $0.text == text }
    }
    return .macro(
      MacroDefinition(
        name: name, parameters: parameters, body: body, varargs: mentioned("varargs") ? self.name("varargs") : nil,
        kwargs: mentioned("kwargs") ? self.name("kwargs") : nil, line: line))
  }
}
