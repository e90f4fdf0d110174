extension Parser {
  /// A name, a literal or an expression in brackets.
  mutating func primary() throws(TemplateError) -> Expression {
    let line = token.line
    switch token.kind {
    case .name(let text):
      switch text {
      case "true", "True", "false", "False":
        advance()
        return try node(.bool(text == "true" || text == "True"), line: line, [])
      case "none", "None":
        advance()
        return try node(.none, line: line, [])
      default:
        guard !Self.reserved.contains(text) else { throw unexpected("a value") }
        advance()
        return try node(.name(name(text)), line: line, [])
      }
    case .string(var text):
      advance()
      // Strings side by side are one.
      while case .string(let next) = token.kind {
        text += next
        advance()
      }
      return try node(.string(text), line: line, [])
    case .integer(let value):
      advance()
      return try node(.int(value), line: line, [])
    case .float(let value):
      advance()
      return try node(.double(value), line: line, [])
    case .symbol(.leftParenthesis):
      advance()
      if skip(.rightParenthesis) { return try node(.tuple([]), line: line, []) }
      let inner = try tuple()
      try expect(.rightParenthesis)
      return inner
    case .symbol(.leftBracket):
      advance()
      let elements = try elements(until: .rightBracket)
      return try node(.list(elements), line: line, elements)
    case .symbol(.leftBrace): return try dictionary()
    default: throw unexpected("a value")
    }
  }

  private mutating func elements(until end: Token.Symbol) throws(TemplateError) -> [Expression] {
    var elements: [Expression] = []
    while !isSymbol(end) {
      if !elements.isEmpty {
        try expect(.comma)
        if isSymbol(end) { break }
      }
      elements.append(try expression())
    }
    advance()
    return elements
  }

  private mutating func dictionary() throws(TemplateError) -> Expression {
    let line = token.line
    advance()
    var entries: [(key: Expression, value: Expression)] = []
    while !isSymbol(.rightBrace) {
      if !entries.isEmpty {
        try expect(.comma)
        if isSymbol(.rightBrace) { break }
      }
      let key = try expression()
      try expect(.colon)
      entries.append((key, try expression()))
    }
    advance()
    return try node(.dictionary(entries), line: line, entries.flatMap { [$0.key, $0.value] })
  }

  // MARK: What follows a value

  /// What follows a value directly: attributes, items and calls.
  mutating func postfixes(of base: Expression) throws(TemplateError) -> Expression {
    var result = base
    while true {
      let line = token.line
      if skip(.dot) {
        if case .integer(let index) = token.kind {
          advance()
          let index = try node(.int(index), line: line, [])
          result = try node(.item(result, index), line: line, [result, index])
        } else {
          result = try node(.attribute(result, try expectName()), line: line, [result])
        }
      } else if skip(.leftBracket) {
        result = try subscription(of: result, line: line)
      } else if isSymbol(.leftParenthesis) {
        let arguments = try arguments()
        result = try node(.call(result, arguments), line: line, [result] + arguments.expressions)
      } else {
        return result
      }
    }
  }

  private mutating func subscription(of base: Expression, line: Int) throws(TemplateError) -> Expression {
    let start = isSymbol(.colon) ? nil : try expression()
    guard skip(.colon) else {
      if isSymbol(.comma) { throw unsupported("more than one index") }
      try expect(.rightBracket)
      guard let start else { throw unexpected("an index") }
      return try node(.item(base, start), line: line, [base, start])
    }
    let stop = isSymbol(.colon) || isSymbol(.rightBracket) ? nil : try expression()
    let step = skip(.colon) && !isSymbol(.rightBracket) ? try expression() : nil
    if isSymbol(.comma) { throw unsupported("more than one index") }
    try expect(.rightBracket)
    return try node(
      .slice(base, start: start, stop: stop, step: step), line: line, [base] + [start, stop, step].compactMap { $0 })
  }

  /// The filters and tests behind a value.
  mutating func filtersAndTests(of base: Expression) throws(TemplateError) -> Expression {
    var result = base
    while true {
      let line = token.line
      if skip(.pipe) {
        let use = try filterUse()
        result = try node(.filter(result, use), line: line, [result] + use.arguments.expressions)
      } else if skip(name: "is") {
        result = try test(of: result, line: line)
      } else if isSymbol(.leftParenthesis) {
        let arguments = try arguments()
        result = try node(.call(result, arguments), line: line, [result] + arguments.expressions)
      } else {
        return result
      }
    }
  }

  /// A filter's name and arguments.
  mutating func filterUse() throws(TemplateError) -> FilterUse {
    let line = token.line
    let name = try dottedName()
    guard let filter = Filter(name: name) else { throw unsupported("the filter \(name.quoted)", line: line) }
    let arguments = isSymbol(.leftParenthesis) ? try arguments() : Arguments()
    return FilterUse(filter: filter, arguments: arguments, line: line)
  }

  private mutating func dottedName() throws(TemplateError) -> String {
    var name = try expectName()
    while skip(.dot) { name += "." + (try expectName()) }
    return name
  }

  private mutating func test(of base: Expression, line: Int) throws(TemplateError) -> Expression {
    let isNegated = skip(name: "not")
    let name = try dottedName()
    guard let test = Test(name: name) else { throw unsupported("the test \(name.quoted)", line: line) }
    var arguments = Arguments()
    switch token.kind {
    case .symbol(.leftParenthesis): arguments = try self.arguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"):
      throw TemplateError(.syntax, line: token.line, "tests with 'is' cannot follow one another")
    case .name, .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace):
      arguments.positional = [try postfixes(of: try primary())]
    default: break
    }
    let result = try node(.test(base, test, arguments), line: line, [base] + arguments.expressions)
    return isNegated ? try node(.not(result), line: line, [result]) : result
  }

  private mutating func arguments() throws(TemplateError) -> Arguments {
    try expect(.leftParenthesis)
    var arguments = Arguments()
    var isFirst = true
    while !isSymbol(.rightParenthesis) {
      if !isFirst {
        try expect(.comma)
        if isSymbol(.rightParenthesis) { break }
      }
      isFirst = false
      if isSymbol(.multiply) || isSymbol(.power) { throw unsupported("'*' before an argument") }
      if case .name(let keyword) = token.kind, nextKind == .symbol(.assign) {
        let line = token.line
        advance()
        advance()
        guard !arguments.keywords.contains(where: { $0.name == keyword }) else {
          throw TemplateError(.syntax, line: line, "the argument \(keyword.quoted) is given twice")
        }
        arguments.keywords.append((keyword, try expression()))
      } else {
        guard arguments.keywords.isEmpty else {
          throw TemplateError(.syntax, line: token.line, "an argument without a name follows one with a name")
        }
        arguments.positional.append(try expression())
      }
    }
    advance()
    return arguments
  }
}
