extension Interpreter {
  /// Whether a comparison holds, by Python's rules.
  func holds(_ comparison: Comparison, _ left: Value, _ right: Value) throws(TemplateError) -> Bool {
    switch comparison {
    case .equal: try areEqual(left, right)
    case .notEqual: try !areEqual(left, right)
    case .less: try isLess(left, right)
    case .greater: try isLess(right, left)
    case .lessOrEqual: try isLess(left, right, orEqual: true)
    case .greaterOrEqual: try isLess(right, left, orEqual: true)
    case .isIn: try contains(right, left)
    case .isNotIn: try !contains(right, left)
    }
  }

  /// Whether two values are equal.
  func areEqual(_ left: Value, _ right: Value) throws(TemplateError) -> Bool {
    try charge()
    if let first = left.text, let second = right.text {
      guard first.utf8.count == second.utf8.count else { return false }
      try charge(text: first.utf8.count)
      return first.hasSameScalars(as: second)
    }
    if let first = left.integer, let second = right.integer { return first == second }
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.double(let first), .double(let second)): return first == second
    case (.double(let number), _): return right.integer.map { Int(exactly: number) == $0 } ?? false
    case (_, .double(let number)): return left.integer.map { Int(exactly: number) == $0 } ?? false
    case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
      return try areEqual(first.elements, second.elements)
    case (.dictionary(let first), .dictionary(let second)):
      guard first !== second else { return true }
      guard first.entries.count == second.entries.count else { return false }
      for entry in first.entries {
        guard let other = second[try dictionaryKey(entry.key)], try areEqual(entry.value, other) else { return false }
      }
      return true
    case (.range, .range), (.view, .view): return try areEqual(elements(of: left), elements(of: right))
    case (.namespace(let first), .namespace(let second)): return first === second
    case (.loop(let first), .loop(let second)): return first === second
    case (.generator(let first), .generator(let second)): return first === second
    case (.macro(let first), .macro(let second)): return first === second
    case (.function(let first), .function(let second)): return first == second
    default: return false
    }
  }

  private func areEqual(_ left: [Value], _ right: [Value]) throws(TemplateError) -> Bool {
    guard left.count == right.count else { return false }
    for (first, second) in zip(left, right) where try !areEqual(first, second) { return false }
    return true
  }

  /// Whether one value stands before another: numbers, texts by their scalars, lists by their first difference.
  func isLess(_ left: Value, _ right: Value, orEqual: Bool = false) throws(TemplateError) -> Bool {
    try charge()
    if let first = left.text, let second = right.text {
      try charge(text: min(first.utf8.count, second.utf8.count))
      // The order of UTF-8 is that of the scalars.
      return orEqual
        ? !second.utf8.lexicographicallyPrecedes(first.utf8) : first.utf8.lexicographicallyPrecedes(second.utf8)
    }
    if let first = left.integer, let second = right.integer { return orEqual ? first <= second : first < second }
    if let first = left.number, let second = right.number { return orEqual ? first <= second : first < second }
    switch (left, right) {
    case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
      for (first, second) in zip(first.elements, second.elements) where try !areEqual(first, second) {
        return try isLess(first, second, orEqual: orEqual)
      }
      let (first, second) = (first.elements.count, second.elements.count)
      return orEqual ? first <= second : first < second
    case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw failure(undefined.message)
    default: throw failure("\(left.kind) and \(right.kind) have no order")
    }
  }

  /// Whether a value stands in another.
  func contains(_ container: Value, _ value: Value) throws(TemplateError) -> Bool {
    switch container {
    case .string(let text), .markup(let text):
      guard let part = value.text else {
        throw failure("only a string can be in a string, not \(value.kind)")
      }
      try charge(text: text.utf8.count)
      return text.utf8Position(of: part) != nil
    case .dictionary(let dictionary): return dictionary[try dictionaryKey(value)] != nil
    case .view(let view) where view.part == .keys: return view.dictionary[try dictionaryKey(value)] != nil
    default:
      for element in try elements(of: container) where try areEqual(element, value) { return true }
      return false
    }
  }
}
