/// The tests behind `is` that are supported, by Jinja's names.
enum Test: String {
  case boolean, callable, defined, divisibleby, escaped, even, filter, float, ge, gt, integer, iterable, le, lower, lt
  case mapping, ne, none, number, odd, sameas, sequence, string, test, undefined, upper
  case equal = "eq"
  case isFalse = "false"
  case isIn = "in"
  case isTrue = "true"

  /// The test of a name, which may be one of several.
  init?(name: String) {
    switch name {
    case "equalto", "==": self = .equal
    case "!=": self = .ne
    case "greaterthan", ">": self = .gt
    case ">=": self = .ge
    case "lessthan", "<": self = .lt
    case "<=": self = .le
    default:
      guard let test = Test(rawValue: name) else { return nil }
      self = test
    }
  }
}

extension Interpreter {
  /// Whether a test holds for a value.
  func holds(_ test: Test, for value: Value, _ arguments: CallArguments) throws(TemplateError) -> Bool {
    try charge()
    let callee = "the test '\(test.rawValue)'"
    switch test {
    case .equal, .ne, .gt, .ge, .lt, .le, .isIn, .sameas, .divisibleby:
      return try compares(test, value, bind(arguments, ["other"], required: 1, to: callee)[0] ?? .none)
    default: _ = try bind(arguments, [], to: callee)
    }
    switch (test, value) {
    case (.defined, _): return !value.isUndefined
    case (.undefined, _): return value.isUndefined
    case (.none, .none), (.boolean, .bool), (.isTrue, .bool(true)), (.isFalse, .bool(false)), (.integer, .int),
      (.float, .double), (.string, .string), (.string, .markup), (.mapping, .dictionary), (.escaped, .markup):
      return true
    case (.number, .bool), (.number, .int), (.number, .double): return true
    case (.callable, .macro), (.callable, .function), (.callable, .method), (.callable, .loop),
      (.callable, .undefined):
      return true
    case (.sequence, .string), (.sequence, .markup), (.sequence, .list), (.sequence, .tuple),
      (.sequence, .dictionary), (.sequence, .range), (.sequence, .undefined):
      return true
    case (.iterable, _): return isIterable(value)
    case (.odd, _), (.even, _): return try compares(.divisibleby, value, .int(2)) == (test == .even)
    case (.lower, _): return try string(value).isAll(upperCase: false)
    case (.upper, _): return try string(value).isAll(upperCase: true)
    case (.filter, _): return value.text.flatMap(Filter.init(name:)) != nil
    case (.test, _): return value.text.flatMap(Test.init(name:)) != nil
    default: return false
    }
  }

  private func isIterable(_ value: Value) -> Bool {
    switch value {
    case .undefined, .string, .markup, .list, .tuple, .dictionary, .range, .view, .generator, .loop: true
    case .none, .bool, .int, .double, .namespace, .macro, .function, .method: false
    }
  }

  private func compares(_ test: Test, _ value: Value, _ other: Value) throws(TemplateError) -> Bool {
    switch test {
    case .ne: return try holds(.notEqual, value, other)
    case .gt: return try holds(.greater, value, other)
    case .ge: return try holds(.greaterOrEqual, value, other)
    case .lt: return try holds(.less, value, other)
    case .le: return try holds(.lessOrEqual, value, other)
    case .isIn: return try contains(other, value)
    case .sameas: return try areSame(value, other)
    case .divisibleby:
      switch try arithmetic(.remainder, value, other) {
      case .int(let remainder): return remainder == 0
      case .double(let remainder): return remainder == 0
      default: return false
      }
    default: return try areEqual(value, other)
    }
  }

  /// Whether two values are one: of the same type and, where Python would compare addresses of data, equal.
  private func areSame(_ value: Value, _ other: Value) throws(TemplateError) -> Bool {
    switch (value, other) {
    case (.bool(let first), .bool(let second)): return first == second
    case (.bool, _), (_, .bool): return false
    case (.int, .double), (.double, .int): return false
    default: return try areEqual(value, other)
    }
  }
}
