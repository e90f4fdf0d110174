extension Parser {
  /// Words that are no variables.
  static let reserved: Set<String> = [
    "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None",
  ]

  /// A node with its height.
  func node(_ node: Expression.Node, line: Int, _ children: [Expression]) throws(TemplateError) -> Expression {
    let height = children.reduce(0) { max($0, $1.height) } + 1
    // A rendering goes down one level for each node.
    guard height <= limits.depth else {
      throw TemplateError(.limit, line: line, "an expression has more than \(limits.depth) levels")
    }
    return Expression(node: node, line: line, height: height)
  }

  /// An expression, or several between commas, which make a tuple.
  mutating func tuple(allowsConditional: Bool = true) throws(TemplateError) -> Expression {
    let line = token.line
    let first = try expression(allowsConditional: allowsConditional)
    guard isSymbol(.comma) else { return first }
    var elements = [first]
    while skip(.comma), !endsTuple { elements.append(try expression(allowsConditional: allowsConditional)) }
    return try node(.tuple(elements), line: line, elements)
  }

  private var endsTuple: Bool {
    switch token.kind {
    case .outputEnd, .tagEnd, .symbol(.rightParenthesis): true
    default: false
    }
  }

  /// An expression.
  /// - Parameter allowsConditional: false where `if` behind it means something else.
  mutating func expression(allowsConditional: Bool = true) throws(TemplateError) -> Expression {
    try nest()
    defer { nesting -= 1 }
    var result = try disjunction()
    while allowsConditional, isName("if") {
      let line = token.line
      advance()
      let condition = try disjunction()
      let otherwise = skip(name: "else") ? try expression() : nil
      result = try node(
        .conditional(condition: condition, then: result, otherwise: otherwise), line: line,
        [result, condition] + (otherwise.map { [$0] } ?? []))
    }
    return result
  }

  private mutating func disjunction() throws(TemplateError) -> Expression {
    var left = try conjunction()
    while isName("or") {
      let line = token.line
      advance()
      let right = try conjunction()
      left = try node(.or(left, right), line: line, [left, right])
    }
    return left
  }

  private mutating func conjunction() throws(TemplateError) -> Expression {
    var left = try negation()
    while isName("and") {
      let line = token.line
      advance()
      let right = try negation()
      left = try node(.and(left, right), line: line, [left, right])
    }
    return left
  }

  private mutating func negation() throws(TemplateError) -> Expression {
    var lines: [Int] = []
    while isName("not") {
      lines.append(token.line)
      advance()
    }
    var result = try comparison()
    for line in lines.reversed() { result = try node(.not(result), line: line, [result]) }
    return result
  }

  private mutating func comparison() throws(TemplateError) -> Expression {
    let first = try sum()
    var rest: [(comparison: Comparison, operand: Expression)] = []
    let line = token.line
    while let comparison = takeComparison() { rest.append((comparison, try sum())) }
    return rest.isEmpty ? first : try node(.comparison(first, rest), line: line, [first] + rest.map(\.operand))
  }

  private mutating func takeComparison() -> Comparison? {
    let comparison: Comparison
    switch token.kind {
    case .symbol(.equal): comparison = .equal
    case .symbol(.notEqual): comparison = .notEqual
    case .symbol(.less): comparison = .less
    case .symbol(.lessOrEqual): comparison = .lessOrEqual
    case .symbol(.greater): comparison = .greater
    case .symbol(.greaterOrEqual): comparison = .greaterOrEqual
    case .name("in"): comparison = .isIn
    case .name("not") where nextKind == .name("in"):
      advance()
      comparison = .isNotIn
    default: return nil
    }
    advance()
    return comparison
  }

  private mutating func sum() throws(TemplateError) -> Expression {
    var left = try concatenation()
    while isSymbol(.add) || isSymbol(.subtract) {
      let line = token.line
      let kind: Arithmetic = isSymbol(.add) ? .add : .subtract
      advance()
      let right = try concatenation()
      left = try node(.arithmetic(kind, left, right), line: line, [left, right])
    }
    return left
  }

  private mutating func concatenation() throws(TemplateError) -> Expression {
    var parts = [try product()]
    let line = token.line
    while skip(.tilde) { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : try node(.concatenation(parts), line: line, parts)
  }

  private mutating func product() throws(TemplateError) -> Expression {
    var left = try power()
    while case .symbol(let symbol) = token.kind, let kind = Arithmetic(rawValue: symbol.rawValue),
      kind != .add, kind != .subtract, kind != .power
    {
      let line = token.line
      advance()
      let right = try power()
      left = try node(.arithmetic(kind, left, right), line: line, [left, right])
    }
    return left
  }

  private mutating func power() throws(TemplateError) -> Expression {
    var left = try unary(allowsFilters: true)
    while isSymbol(.power) {
      let line = token.line
      advance()
      let right = try unary(allowsFilters: true)
      left = try node(.arithmetic(.power, left, right), line: line, [left, right])
    }
    return left
  }

  private mutating func unary(allowsFilters: Bool) throws(TemplateError) -> Expression {
    let line = token.line
    var result: Expression
    if isSymbol(.subtract) || isSymbol(.add) {
      try nest()
      defer { nesting -= 1 }
      let isNegative = isSymbol(.subtract)
      advance()
      let operand = try unary(allowsFilters: false)
      result = try node(isNegative ? .negative(operand) : .positive(operand), line: line, [operand])
    } else {
      result = try primary()
    }
    result = try postfixes(of: result)
    return allowsFilters ? try filtersAndTests(of: result) : result
  }
}
