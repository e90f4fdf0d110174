extension Interpreter {
  /// The value as Python's `str` writes it.
  func string(_ value: Value) throws(TemplateError) -> String {
    switch value {
    case .string(let text), .markup(let text): return text
    case .undefined: return ""
    default:
      var text = ""
      try represent(value, into: &text)
      return try made(text)
    }
  }

  /// Appends the value as Python's `repr` writes it.
  func represent(_ value: Value, into text: inout String) throws(TemplateError) {
    try charge()
    switch value {
    case .undefined: text += "Undefined"
    case .none: text += "None"
    case .bool(let value): text += value ? "True" : "False"
    case .int(let value): text += String(value)
    case .double(let value): text += value.pythonText
    case .string(let string): try append(string.pythonLiteral, to: &text)
    case .markup(let string): try append("Markup(\(string.pythonLiteral))", to: &text)
    case .list(let list): try represent(list.elements, between: "[", "]", into: &text)
    case .tuple(let list):
      try represent(list.elements, between: "(", list.elements.count == 1 ? ",)" : ")", into: &text)
    case .dictionary(let dictionary):
      try represent(dictionary.entries.map { ($0.key, $0.value) }, into: &text)
    case .range(let range):
      text += "range(\(range.start), \(range.stop)\(range.step == 1 ? "" : ", \(range.step)"))"
    case .view(let view):
      text += "dict_\(view.part.rawValue)("
      try represent(view.elements, between: "[", "])", into: &text)
    case .namespace(let namespace):
      // A namespace may hold itself; the bound of levels ends that.
      try enter()
      defer { leave() }
      text += "<Namespace "
      try represent(namespace.attributes.map { (.string($0.name), $0.value) }, into: &text)
      text += ">"
    case .loop(let state): text += "<LoopContext \(state.index + 1)/\(state.elements.count)>"
    case .macro(let macro): text += "<Macro \(macro.name.pythonLiteral)>"
    case .generator: throw failure("a generator has no text; the filter 'list' makes a list of it")
    case .function, .method: throw failure("\(value.kind) has no text")
    }
  }

  private func append(_ part: String, to text: inout String) throws(TemplateError) {
    try charge(text: part.utf8.count)
    try check(textBytes: text.utf8.count + part.utf8.count)
    text += part
  }

  private func represent(
    _ elements: [Value], between opening: String, _ closing: String, into text: inout String
  ) throws(TemplateError) {
    text += opening
    for (position, element) in elements.enumerated() {
      if position > 0 { text += ", " }
      try represent(element, into: &text)
      try check(textBytes: text.utf8.count)
    }
    text += closing
  }

  private func represent(_ entries: [(Value, Value)], into text: inout String) throws(TemplateError) {
    text += "{"
    for (position, entry) in entries.enumerated() {
      if position > 0 { text += ", " }
      try represent(entry.0, into: &text)
      text += ": "
      try represent(entry.1, into: &text)
      try check(textBytes: text.utf8.count)
    }
    text += "}"
  }
}

extension Double {
  /// The shortest digits that give the number back, as Python's `repr` sets them: fixed-point from 1e-4 to below 1e16.
  var pythonText: String {
    guard isFinite else { return isNaN ? "nan" : self < 0 ? "-inf" : "inf" }
    let sign = self.sign == .minus ? "-" : ""
    guard self != 0 else { return sign + "0.0" }
    let parts = magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = mantissa[0]
    let fraction = mantissa.count > 1 ? mantissa[1] : ""
    var digits = Array((whole + fraction).utf8)
    // The number is 0.DIGITS times ten to the `point`.
    var point = whole.utf8.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.first == UInt8(ascii: "0") {
      digits.removeFirst()
      point -= 1
    }
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    func text(_ digits: some Sequence<UInt8>) -> String { String(decoding: Array(digits), as: UTF8.self) }
    guard (-3...16).contains(point) else {
      let exponent = point - 1
      let size = String(abs(exponent))
      let rest = digits.count > 1 ? "." + text(digits.dropFirst()) : ""
      return sign + text(digits.prefix(1)) + rest + (exponent < 0 ? "e-" : "e+") + (size.utf8.count < 2 ? "0" : "")
        + size
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + text(digits) }
    if digits.count <= point {
      return sign + text(digits) + String(repeating: "0", count: point - digits.count) + ".0"
    }
    return sign + text(digits.prefix(point)) + "." + text(digits.dropFirst(point))
  }
}

extension String {
  /// The text as a literal of Python: in single quotes, or double ones if only single ones are in it.
  var pythonLiteral: String {
    let scalars = unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var text = String(quote)
    for scalar in scalars {
      switch scalar {
      case quote, "\\": text += "\\" + String(scalar)
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.isPrintable: text.unicodeScalars.append(scalar)
      default: text += scalar.pythonEscape
      }
    }
    return text + String(quote)
  }
}

extension Unicode.Scalar {
  fileprivate var isPrintable: Bool {
    if (0x20..<0x7F).contains(value) { return true }
    return switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      false
    default: true
    }
  }

  fileprivate var pythonEscape: String {
    let digits = String(value, radix: 16)
    let (mark, width) = value < 0x100 ? ("\\x", 2) : value < 0x10000 ? ("\\u", 4) : ("\\U", 8)
    return mark + String(repeating: "0", count: width - digits.utf8.count) + digits
  }
}
