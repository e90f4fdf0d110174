/// The methods of text that are supported.
enum StringMethod: String {
  case strip, lstrip, rstrip, split, rsplit, splitlines, partition, rpartition, startswith, endswith, removeprefix
  case removesuffix, replace, find, rfind, count, join, upper, lower, title, capitalize, isdigit, isalpha, isalnum
  case isspace, isupper, islower
}

extension Interpreter {
  /// Methods that Python has and this interpreter has not.
  private static let unsupportedOfStrings: Set<String> = [
    "casefold", "center", "encode", "expandtabs", "format", "format_map", "index", "isascii", "isdecimal",
    "isidentifier", "isnumeric", "isprintable", "istitle", "ljust", "maketrans", "rindex", "rjust", "swapcase",
    "translate", "zfill",
  ]
  private static let ofDictionaries: Set<String> = ["get", "items", "keys", "values", "copy"]
  private static let changingDictionaries: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]
  private static let changingLists: Set<String> = [
    "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove",
  ]

  /// Whether the value has a method of this name.
  func hasMethod(_ value: Value, _ name: String) throws(TemplateError) -> Bool {
    switch value {
    case .string, .markup:
      if StringMethod(rawValue: name) != nil { return true }
      if Self.unsupportedOfStrings.contains(name) {
        throw TemplateError(.unsupported, line: line, "the string method \(name.quoted) is not supported")
      }
      return false
    case .dictionary: return Self.ofDictionaries.contains(name)
    case .list: return name == "index" || name == "count" || name == "copy"
    case .tuple: return name == "index" || name == "count"
    case .loop: return name == "cycle" || name == "changed"
    default: return false
    }
  }

  /// What stands for a method that would change its value: something undefined, as in Jinja's immutable sandbox.
  func refusedMethod(_ value: Value, _ name: String) -> Value? {
    switch value {
    case .dictionary where Self.changingDictionaries.contains(name), .list where Self.changingLists.contains(name):
      .undefined(.other("\(name.quoted) would change \(value.kind), which templates may not do"))
    default: nil
    }
  }

  /// The result of a method that the value has.
  func call(method name: String, of receiver: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    switch receiver {
    case .string(let text), .markup(let text):
      guard let method = StringMethod(rawValue: name) else { break }
      try charge(text: text.utf8.count)
      return try call(method, of: text, like: receiver, arguments)
    case .dictionary(let dictionary): return try call(name, of: dictionary, arguments)
    case .list(let list), .tuple(let list):
      if name == "copy" {
        _ = try bind(arguments, [], to: "copy")
        return receiver
      }
      let wanted = try bind(arguments, ["value"], required: 1, to: name)[0] ?? .none
      var count = 0
      for (position, element) in list.elements.enumerated() where try areEqual(element, wanted) {
        if name == "index" { return .int(position) }
        count += 1
      }
      guard name == "count" else { throw failure("index found no such value in \(receiver.kind)") }
      return .int(count)
    case .loop(let state):
      let values = arguments.positional
      guard arguments.keywords.isEmpty else { throw failure("\(name) takes no arguments with names") }
      if name == "cycle" {
        guard !values.isEmpty else { throw failure("cycle needs a value") }
        return values[state.index % values.count]
      }
      if let last = state.lastChanged, try areEqual(.tuple(made(last)), .tuple(made(values))) { return .bool(false) }
      state.lastChanged = values
      return .bool(true)
    default: break
    }
    throw failure("\(receiver.kind) has no method \(name.quoted)")
  }

  private func call(
    _ name: String, of dictionary: ValueDictionary, _ arguments: CallArguments
  ) throws(TemplateError) -> Value {
    if name == "get" {
      guard arguments.keywords.isEmpty else { throw failure("get takes no arguments with names") }
      let values = try bind(arguments, ["key", "default"], required: 1, to: name)
      return dictionary[try dictionaryKey(values[0] ?? .none)] ?? values[1] ?? .none
    }
    _ = try bind(arguments, [], to: name)
    guard let part = DictionaryView.Part(rawValue: name) else { return .dictionary(dictionary) }
    return .view(DictionaryView(part: part, dictionary: dictionary))
  }

  // MARK: Text

  private func call(
    _ method: StringMethod, of text: String, like base: Value, _ arguments: CallArguments
  ) throws(TemplateError) -> Value {
    let name = method.rawValue
    func bound(_ parameters: String..., required: Int = 0) throws(TemplateError) -> [Value?] {
      try bind(arguments, parameters, required: required, to: name)
    }
    func argument(_ value: Value?) throws(TemplateError) -> String? {
      guard let value, !value.isNone else { return nil }
      return try self.text(value, of: name)
    }
    func one(_ parameter: String) throws(TemplateError) -> String {
      try self.text(bind(arguments, [parameter], required: 1, to: name)[0] ?? .none, of: name)
    }
    func none() throws(TemplateError) { _ = try bind(arguments, [], to: name) }
    func isEvery(_ condition: (Unicode.Scalar) -> Bool) throws(TemplateError) -> Value {
      try none()
      return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(condition))
    }
    func result(_ text: String) throws(TemplateError) -> Value { try like(base, made(text)) }

    switch method {
    case .strip, .lstrip, .rstrip:
      let set = try argument(bound("chars")[0])
      return try result(text.stripped(of: set, atStart: method != .rstrip, atEnd: method != .lstrip))
    case .split, .rsplit:
      let values = try bound("sep", "maxsplit")
      let limit = try integer(values[1] ?? .int(-1), of: name)
      return try list(
        of: parts(of: text, at: argument(values[0]), limit: limit < 0 ? nil : limit, fromEnd: method == .rsplit),
        like: base)
    case .splitlines:
      let keepsEnds = try bound("keepends")[0]?.isTrue ?? false
      try check(elements: text.unicodeScalars.count(where: \.endsLine))
      return try list(of: text.lines(keepingEnds: keepsEnds), like: base)
    case .partition, .rpartition:
      let separator = try one("sep")
      guard !separator.isEmpty else { throw failure("\(name) needs a separator that is not empty") }
      let parts = text.split(at: separator, limit: 1, fromEnd: method == .rpartition)
      let whole = method == .partition ? [text, "", ""] : ["", "", text]
      let three = parts.count == 2 ? [parts[0], separator, parts[1]] : whole
      return .tuple(try made(three.map { like(base, $0) }))
    case .startswith, .endswith:
      let value = try bound("prefix", required: 1)[0] ?? .none
      var candidates = [value]
      if case .tuple(let list) = value { candidates = list.elements }
      for candidate in candidates {
        let part = try self.text(candidate, of: name)
        if method == .startswith ? text.beginsWith(part) : text.endsWith(part) { return .bool(true) }
      }
      return .bool(false)
    case .removeprefix:
      let part = try one("prefix")
      return try result(
        text.beginsWith(part) ? String(decoding: text.utf8.dropFirst(part.utf8.count), as: UTF8.self) : text)
    case .removesuffix:
      let part = try one("suffix")
      return try result(
        text.endsWith(part) ? String(decoding: text.utf8.dropLast(part.utf8.count), as: UTF8.self) : text)
    case .replace:
      let values = try bound("old", "new", "count", required: 2)
      let limit = try integer(values[2] ?? .int(-1), of: name)
      let new = values[1] ?? .none
      let old = try self.text(values[0] ?? .none, of: name)
      var replacement = try self.text(new, of: name)
      if case .markup = base { replacement = try escaped(new) }
      return try like(base, replaced(text, old, by: replacement, limit: limit))
    case .find, .rfind:
      let part = try one("sub")
      let bytes = Array(text.utf8)
      let found: Int?
      if part.isEmpty {
        found = method == .find ? 0 : bytes.count
      } else {
        found = bytes.positions(of: Array(part.utf8), limit: 1, fromEnd: method == .rfind).first
      }
      // Bytes that continue a scalar count for none.
      return .int(found.map { bytes[..<$0].count { $0 & 0xC0 != 0x80 } } ?? -1)
    case .count:
      let part = try one("sub")
      return .int(
        part.isEmpty ? text.unicodeScalars.count + 1 : Array(text.utf8).positions(of: Array(part.utf8)).count)
    case .join:
      let value = try bound("iterable", required: 1)[0] ?? .none
      var strings: [String] = []
      for element in try elements(of: value) { strings.append(try self.text(element, of: name)) }
      return try like(base, joined(strings, by: text))
    case .upper, .lower, .title, .capitalize:
      try none()
      switch method {
      case .upper: return try result(text.inUpperCase)
      case .lower: return try result(text.inLowerCase)
      case .title: return try result(text.titled)
      default: return try result(text.capitalized)
      }
    case .isdigit: return try isEvery(\.isDigit)
    case .isalpha: return try isEvery(\.isLetter)
    case .isalnum: return try isEvery { $0.isLetter || $0.properties.numericType != nil }
    case .isspace: return try isEvery(\.isPythonSpace)
    case .isupper, .islower:
      try none()
      return .bool(text.isAll(upperCase: method == .isupper))
    }
  }

  private func parts(
    of text: String, at separator: String?, limit: Int?, fromEnd: Bool
  ) throws(TemplateError) -> [String] {
    // One part too many is refused by whoever makes a list of them, without the others having been made.
    let limit = min(limit ?? .max, limits.elements)
    guard let separator else { return text.splitAtSpace(limit: limit, fromEnd: fromEnd) }
    guard !separator.isEmpty else { throw failure("a text cannot be split at an empty separator") }
    return text.split(at: separator, limit: limit, fromEnd: fromEnd)
  }

  private func list(of texts: [String], like base: Value) throws(TemplateError) -> Value {
    .list(try made(texts.map { like(base, $0) }))
  }

  /// Texts one after another with `separator` between them.
  func joined(_ texts: [String], by separator: String) throws(TemplateError) -> String {
    var result = ""
    for (position, text) in texts.enumerated() {
      if position > 0 { result += separator }
      result += text
      try check(textBytes: result.utf8.count)
    }
    return try made(result)
  }

  /// A text with one part put for another.
  /// - Parameter limit: how often at most; negative for always.
  func replaced(_ text: String, _ old: String, by new: String, limit: Int) throws(TemplateError) -> String {
    guard limit != 0 else { return text }
    let limit = limit < 0 ? nil : limit
    guard old.isEmpty else { return try joined(text.split(at: old, limit: limit), by: new) }
    // An empty part stands before every scalar and at the end.
    var result = ""
    var left = limit ?? Int.max
    for scalar in text.unicodeScalars {
      if left > 0 {
        result += new
        left -= 1
      }
      result.unicodeScalars.append(scalar)
      try check(textBytes: result.utf8.count)
    }
    return try made(left > 0 ? result + new : result)
  }

  /// A value as text, escaped for HTML unless it is markup.
  func escaped(_ value: Value) throws(TemplateError) -> String {
    if case .markup(let text) = value { return text }
    return try made(string(value).escapedForHTML)
  }
}
