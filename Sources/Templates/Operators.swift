extension Interpreter {
  private func mismatch(_ kind: Arithmetic, _ left: Value, _ right: Value) -> TemplateError {
    if case .undefined(let undefined) = left { return failure(undefined.message) }
    if case .undefined(let undefined) = right { return failure(undefined.message) }
    return failure("'\(kind.rawValue)' does not work on \(left.kind) and \(right.kind)")
  }

  private func integer(_ result: (partialValue: Int, overflow: Bool)) throws(TemplateError) -> Value {
    guard !result.overflow else { throw failure("an integer does not fit 64 bits") }
    return .int(result.partialValue)
  }

  /// The result of an operator by Python's rules, for integers of 64 bits.
  func arithmetic(_ kind: Arithmetic, _ left: Value, _ right: Value) throws(TemplateError) -> Value {
    if let first = left.integer, let second = right.integer { return try integers(kind, first, second) }
    if let first = left.number, let second = right.number { return try doubles(kind, first, second) }
    switch (kind, left, right) {
    case (.add, .string(let first), .string(let second)):
      try check(textBytes: first.utf8.count + second.utf8.count)
      return .string(try made(first + second))
    case (.add, .markup(let first), _) where right.text != nil:
      return .markup(try made(first + escaped(right)))
    case (.add, .string, .markup(let second)):
      return .markup(try made(escaped(left) + second))
    case (.add, .list(let first), .list(let second)):
      try check(elements: first.elements.count + second.elements.count)
      return .list(try made(first.elements + second.elements))
    case (.add, .tuple(let first), .tuple(let second)):
      try check(elements: first.elements.count + second.elements.count)
      return .tuple(try made(first.elements + second.elements))
    case (.multiply, _, _):
      if let count = right.integer, let result = try repeated(left, count) { return result }
      if let count = left.integer, let result = try repeated(right, count) { return result }
      throw mismatch(kind, left, right)
    case (.remainder, .string, _), (.remainder, .markup, _):
      throw TemplateError(.unsupported, line: line, "'%' on a string is not supported")
    default: throw mismatch(kind, left, right)
    }
  }

  private func integers(_ kind: Arithmetic, _ left: Int, _ right: Int) throws(TemplateError) -> Value {
    switch kind {
    case .add: return try integer(left.addingReportingOverflow(right))
    case .subtract: return try integer(left.subtractingReportingOverflow(right))
    case .multiply: return try integer(left.multipliedReportingOverflow(by: right))
    case .divide: return try doubles(kind, Double(left), Double(right))
    case .floorDivide, .remainder:
      guard right != 0 else { throw failure("division by zero") }
      let remainder = left.remainderReportingOverflow(dividingBy: right).partialValue
      let isUneven = remainder != 0 && (remainder < 0) != (right < 0)
      if kind == .remainder { return .int(isUneven ? remainder + right : remainder) }
      guard case .int(let quotient) = try integer(left.dividedReportingOverflow(by: right)) else { return .none }
      return .int(isUneven ? quotient - 1 : quotient)
    case .power:
      guard right >= 0 else { return try doubles(kind, Double(left), Double(right)) }
      return .int(try power(left, right))
    }
  }

  private func power(_ base: Int, _ exponent: Int) throws(TemplateError) -> Int {
    if base == 0 || base == 1 { return exponent == 0 ? 1 : base }
    if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
    var result = 1
    // The base is at least 2 in size, so this ends after 63 rounds at the latest.
    for _ in 0..<exponent {
      guard case .int(let product) = try integer(result.multipliedReportingOverflow(by: base)) else { break }
      result = product
    }
    return result
  }

  private func doubles(_ kind: Arithmetic, _ left: Double, _ right: Double) throws(TemplateError) -> Value {
    switch kind {
    case .add: return .double(left + right)
    case .subtract: return .double(left - right)
    case .multiply: return .double(left * right)
    case .divide:
      guard right != 0 else { throw failure("division by zero") }
      return .double(left / right)
    case .floorDivide, .remainder:
      guard right != 0 else { throw failure("division by zero") }
      var remainder = left.truncatingRemainder(dividingBy: right)
      if remainder != 0, (remainder < 0) != (right < 0) { remainder += right }
      return .double(kind == .remainder ? remainder : ((left - remainder) / right).rounded())
    case .power: throw TemplateError(.unsupported, line: line, "'**' on floats is not supported")
    }
  }

  /// A text or a list several times over, or nil for another value.
  private func repeated(_ value: Value, _ count: Int) throws(TemplateError) -> Value? {
    let count = max(0, count)
    switch value {
    case .string(let text), .markup(let text):
      let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
      try check(textBytes: overflow ? Int.max : bytes)
      return try like(value, made(bytes == 0 ? "" : String(repeating: text, count: count)))
    case .list(let list), .tuple(let list):
      let (size, overflow) = list.elements.count.multipliedReportingOverflow(by: count)
      try check(elements: overflow ? Int.max : size)
      let elements = try made(size == 0 ? [] : Array(repeating: list.elements, count: count).flatMap { $0 })
      if case .list = value { return .list(elements) }
      return .tuple(elements)
    default: return nil
    }
  }

  /// `-value`.
  func negative(_ value: Value) throws(TemplateError) -> Value {
    if let integer = value.integer { return try self.integer(0.subtractingReportingOverflow(integer)) }
    if case .double(let number) = value { return .double(-number) }
    if case .undefined(let undefined) = value { throw failure(undefined.message) }
    throw failure("'-' does not work on \(value.kind)")
  }

  /// `+value`.
  func positive(_ value: Value) throws(TemplateError) -> Value {
    if let integer = value.integer { return .int(integer) }
    if case .double = value { return value }
    if case .undefined(let undefined) = value { throw failure(undefined.message) }
    throw failure("'+' does not work on \(value.kind)")
  }
}
