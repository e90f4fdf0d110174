/// The filters that are supported, by Jinja's names.
enum Filter: String {
  case abs, capitalize, dictsort, escape, first, float, indent, int, items, join, last, length, list, lower, map, max
  case min, reject, rejectattr, replace, reverse, safe, select, selectattr, sort, string, sum, title, tojson, trim
  case unique, upper
  case byDefault = "default"

  /// The filter of a name, which may be a short one.
  init?(name: String) {
    switch name {
    case "count": self = .length
    case "d": self = .byDefault
    case "e": self = .escape
    default:
      guard let filter = Filter(rawValue: name) else { return nil }
      self = filter
    }
  }
}

extension Interpreter {
  /// The result of a filter as it stands in a template.
  func apply(_ use: FilterUse, to value: Value, in scope: Scope) throws(TemplateError) -> Value {
    let arguments = try evaluate(use.arguments, in: scope)
    line = use.line
    return try apply(use.filter, to: value, arguments)
  }

  /// The result of a filter.
  func apply(_ filter: Filter, to value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    try charge()
    let name = filter.rawValue
    func bound(_ parameters: String..., required: Int = 0) throws(TemplateError) -> [Value?] {
      try bind(arguments, parameters, required: required, to: "the filter '\(name)'")
    }
    func none() throws(TemplateError) { _ = try bind(arguments, [], to: "the filter '\(name)'") }
    switch filter {
    case .byDefault:
      let values = try bound("default_value", "boolean")
      let isMissing = value.isUndefined || ((values[1]?.isTrue ?? false) && !value.isTrue)
      return isMissing ? values[0] ?? .string("") : value
    case .length:
      try none()
      return .int(try count(of: value))
    case .tojson: return try json(value, arguments)
    case .safe:
      try none()
      return .markup(try string(value))
    case .escape:
      try none()
      return .markup(try escaped(value))
    case .string:
      try none()
      return value.text == nil ? .string(try string(value)) : value
    case .trim, .upper, .lower, .title, .capitalize, .replace, .indent:
      return try applyToText(filter, value, arguments)
    case .abs, .int, .float: return try applyToNumber(filter, value, arguments)
    case .list:
      try none()
      return .list(try made(elements(of: value)))
    case .first:
      try none()
      if case .generator(let generator) = value {
        return try generator.next() ?? .undefined(.other("the sequence of 'first' is empty"))
      }
      return try elements(of: value).first ?? .undefined(.other("the sequence of 'first' is empty"))
    case .last:
      try none()
      if case .generator = value { throw failure("'last' needs a list, not a generator") }
      return try elements(of: value).last ?? .undefined(.other("the sequence of 'last' is empty"))
    case .reverse:
      try none()
      if let text = value.text {
        var reversed = String.UnicodeScalarView()
        reversed.append(contentsOf: text.unicodeScalars.reversed())
        return like(value, try made(String(reversed)))
      }
      return .generator(generator(try elements(of: value).reversed()))
    case .join:
      let values = try bound("d", "attribute")
      let separator = try string(values[0] ?? .string(""))
      var texts: [String] = []
      for element in try elements(of: value) { texts.append(try string(key(element, values[1]))) }
      return .string(try joined(texts, by: separator))
    case .items:
      try none()
      switch value {
      case .undefined: return .generator(generator([]))
      case .dictionary(let dictionary):
        return .generator(generator(DictionaryView(part: .items, dictionary: dictionary).elements))
      default: throw failure("'items' needs a dictionary, not \(value.kind)")
      }
    case .map, .select, .reject, .selectattr, .rejectattr: return try pick(filter, value, arguments)
    case .unique, .sort, .min, .max, .sum, .dictsort: return try applyToSequence(filter, value, arguments)
    }
  }

  private func generator(_ elements: [Value]) -> Generator {
    keep(Generator { () throws(TemplateError) in elements })
  }

  // MARK: Filters that take filters, tests and attributes

  private func pick(_ filter: Filter, _ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let name = filter.rawValue
    let line = self.line
    var rest = arguments
    let transform: (Value) throws(TemplateError) -> Value?
    if filter == .map, arguments.positional.isEmpty {
      let values = try bind(
        CallArguments(keywords: arguments.keywords), ["attribute", "default"], required: 1, to: "the filter 'map'")
      transform = { [unowned self] (element) throws(TemplateError) in
        try key(element, values[0], byDefault: values[1])
      }
    } else if filter == .map {
      let text = try text(rest.positional.removeFirst(), of: "the filter 'map'")
      guard let inner = Filter(name: text) else { throw unsupported("the filter \(text.quoted)") }
      let arguments = rest
      transform = { [unowned self] (element) throws(TemplateError) in try apply(inner, to: element, arguments) }
    } else {
      let looksUp = filter == .selectattr || filter == .rejectattr
      guard !looksUp || !rest.positional.isEmpty else { throw failure("'\(name)' needs the name of an attribute") }
      let attribute = looksUp ? rest.positional.removeFirst() : nil
      var test: Test?
      if !rest.positional.isEmpty {
        let text = try text(rest.positional.removeFirst(), of: "the filter '\(name)'")
        test = Test(name: text)
        if test == nil { throw unsupported("the test \(text.quoted)") }
      }
      let arguments = rest
      let wanted = filter == .select || filter == .selectattr
      transform = { [unowned self, test] (element) throws(TemplateError) in
        let tested = try key(element, attribute)
        let holds = if let test { try self.holds(test, for: tested, arguments) } else { tested.isTrue }
        return holds == wanted ? element : nil
      }
    }
    // Like Python's, these sequences do their work when they are gone through.
    return .generator(
      keep(
        Generator { [unowned self] () throws(TemplateError) in
          try enter()
          defer { leave() }
          var results: [Value] = []
          // As in Jinja, what counts as false is an empty sequence here, none included.
          for element in value.isTrue ? try elements(of: value) : [] {
            try charge()
            self.line = line
            if let result = try transform(element) { results.append(result) }
          }
          return results
        }))
  }

  private func unsupported(_ what: String) -> TemplateError {
    TemplateError(.unsupported, line: line, what + " is not supported")
  }

  /// What an element is sorted or chosen by: an attribute, or an attribute's attribute between dots; without one the
  /// element itself.
  func key(_ element: Value, _ attribute: Value?, byDefault: Value? = nil) throws(TemplateError) -> Value {
    guard let attribute, !attribute.isNone else { return element }
    var value = element
    guard let path = attribute.text else { return try orDefault(item(attribute, of: value), byDefault) }
    for part in path.split(at: ".", limit: nil) {
      let isNumber = !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      let index = isNumber ? Int(part).map { Value.int($0) } : nil
      value = orDefault(try item(index ?? .string(part), of: value), byDefault)
    }
    return value
  }

  private func orDefault(_ value: Value, _ byDefault: Value?) -> Value {
    guard value.isUndefined, let byDefault, !byDefault.isNone else { return value }
    return byDefault
  }
}
