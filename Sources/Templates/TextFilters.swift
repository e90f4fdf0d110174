extension Interpreter {
  /// The filters that make text of text.
  func applyToText(_ filter: Filter, _ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let callee = "the filter '\(filter.rawValue)'"
    if filter == .indent { return try indented(value, arguments, callee) }
    let text = try string(value)
    try charge(text: text.utf8.count)
    switch filter {
    case .trim:
      let values = try bind(arguments, ["chars"], to: callee)
      var set: String?
      if let chars = values[0], !chars.isNone { set = try self.text(chars, of: callee) }
      return like(value, try made(text.stripped(of: set)))
    case .replace:
      let values = try bind(arguments, ["old", "new", "count"], required: 2, to: callee)
      let limit = values[2].map { $0.isNone ? .int(-1) : $0 } ?? .int(-1)
      return .string(
        try replaced(
          text, string(values[0] ?? .none), by: string(values[1] ?? .none), limit: integer(limit, of: callee)))
    default:
      _ = try bind(arguments, [], to: callee)
      let changed =
        switch filter {
        case .upper: text.inUpperCase
        case .lower: text.inLowerCase
        case .title: text.titledWords
        default: text.capitalized
        }
      return like(value, try made(changed))
    }
  }

  /// `indent`: spaces, or another text, before all lines but the first and the empty ones.
  private func indented(
    _ value: Value, _ arguments: CallArguments, _ callee: String
  ) throws(TemplateError) -> Value {
    let values = try bind(arguments, ["width", "first", "blank"], to: callee)
    let text = try text(value, of: callee)
    var indentation = "    "
    if let width = values[0] {
      if let given = width.text {
        indentation = given
      } else {
        let count = max(0, try integer(width, of: callee))
        try check(textBytes: count)
        indentation = String(repeating: " ", count: count)
      }
    }
    let indentsBlank = values[2]?.isTrue ?? false
    var result = values[1]?.isTrue ?? false ? indentation : ""
    for (position, line) in (text + "\n").lines().enumerated() {
      if position > 0 {
        result += "\n"
        if indentsBlank || !line.isEmpty { result += indentation }
      }
      result += line
      try check(textBytes: result.utf8.count)
    }
    return like(value, try made(result))
  }

  /// The filters that make numbers.
  func applyToNumber(_ filter: Filter, _ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let callee = "the filter '\(filter.rawValue)'"
    switch filter {
    case .abs:
      _ = try bind(arguments, [], to: callee)
      if let integer = value.integer { return integer < 0 ? try negative(value) : .int(integer) }
      guard case .double(let number) = value else { throw failure("'abs' needs a number, not \(value.kind)") }
      return .double(number.magnitude)
    case .float:
      let byDefault = try bind(arguments, ["default"], to: callee)[0] ?? .double(0)
      if let number = value.number { return .double(number) }
      if case .undefined(let undefined) = value { throw failure(undefined.message) }
      return value.text.flatMap(Self.double).map { .double($0) } ?? byDefault
    default:
      let values = try bind(arguments, ["default", "base"], to: callee)
      let byDefault = values[0] ?? .int(0)
      let base = try integer(values[1] ?? .int(10), of: callee)
      guard (2...36).contains(base) else { throw failure("'int' needs a base from 2 to 36") }
      if let integer = value.integer { return .int(integer) }
      if case .undefined(let undefined) = value { throw failure(undefined.message) }
      if case .double(let number) = value {
        guard number.isFinite else { return byDefault }
        return try truncated(number)
      }
      guard let text = value.text else { return byDefault }
      if let integer = Self.integer(text, base: base) { return .int(integer) }
      guard let number = Self.double(text), number.isFinite else { return byDefault }
      return try truncated(number)
    }
  }

  private func truncated(_ number: Double) throws(TemplateError) -> Value {
    guard let integer = Int(exactly: number.rounded(.towardZero)) else {
      throw failure("an integer does not fit 64 bits")
    }
    return .int(integer)
  }

  /// A number as Python's `int` reads it.
  private static func integer(_ text: String, base: Int) -> Int? {
    var digits = text.stripped(of: nil)
    let isNegative = digits.beginsWith("-")
    if isNegative || digits.beginsWith("+") { digits.removeFirst() }
    let prefixes = [16: "0x", 8: "0o", 2: "0b"]
    if let prefix = prefixes[base], digits.inLowerCase.beginsWith(prefix) { digits.removeFirst(2) }
    let parts = digits.split(at: "_", limit: nil)
    guard parts.allSatisfy({ !$0.isEmpty }), let first = digits.utf8.first, first != UInt8(ascii: "-"),
      first != UInt8(ascii: "+")
    else { return nil }
    return Int((isNegative ? "-" : "") + parts.joined(), radix: base)
  }

  /// A number as Python's `float` reads it.
  private static func double(_ text: String) -> Double? {
    let text = text.stripped(of: nil).inLowerCase
    let unsigned = text.beginsWith("-") || text.beginsWith("+") ? String(text.dropFirst()) : text
    if ["inf", "infinity", "nan"].contains(unsigned) { return Double(text) }
    // Swift reads hexadecimal numbers too, which Python does not.
    let isPlain = text.utf8.allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        || [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "+"), UInt8(ascii: "-")].contains($0)
    }
    return isPlain ? Double(text) : nil
  }
}
