/// How `tojson` writes.
private struct JSONStyle {
  /// What one level is indented by; nil for one line.
  var indentation: String?
  var itemSeparator: String
  var keySeparator: String
  var asciiOnly: Bool
  var sortsKeys: Bool
}

extension Interpreter {
  /// The filter `tojson` as Hugging Face sets it: Python's `json.dumps` without escapes of what is not ASCII.
  func json(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let values = try bind(arguments, ["ensure_ascii", "indent", "separators", "sort_keys"], to: "tojson")
    var style = JSONStyle(
      indentation: nil, itemSeparator: ", ", keySeparator: ": ", asciiOnly: values[0]?.isTrue ?? false,
      sortsKeys: values[3]?.isTrue ?? false)
    if let indent = values[1], !indent.isNone {
      if let text = indent.text {
        style.indentation = text
      } else {
        let width = max(0, try integer(indent, of: "tojson's indent"))
        try check(textBytes: width)
        style.indentation = String(repeating: " ", count: width)
      }
      style.itemSeparator = ","
    }
    if let separators = values[2], !separators.isNone {
      let parts = try elements(of: separators)
      guard parts.count == 2 else { throw failure("tojson needs two separators") }
      style.itemSeparator = try text(parts[0], of: "tojson")
      style.keySeparator = try text(parts[1], of: "tojson")
    }
    var text = ""
    try encode(value, style, level: 0, into: &text)
    return .string(try made(text))
  }

  private func encode(
    _ value: Value, _ style: JSONStyle, level: Int, into text: inout String
  ) throws(TemplateError) {
    try charge()
    switch value {
    case .none: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .int(let value): text += String(value)
    case .double(let value): text += value.jsonText
    case .string(let string), .markup(let string):
      try charge(text: string.utf8.count)
      try check(textBytes: text.utf8.count + string.utf8.count)
      text += string.jsonLiteral(asciiOnly: style.asciiOnly)
    case .list(let list), .tuple(let list):
      guard !list.elements.isEmpty else {
        text += "[]"
        break
      }
      text += "["
      for (position, element) in list.elements.enumerated() {
        if position > 0 { text += style.itemSeparator }
        try breakLine(style, level + 1, into: &text)
        try encode(element, style, level: level + 1, into: &text)
      }
      try breakLine(style, level, into: &text)
      text += "]"
    case .dictionary(let dictionary): try encode(dictionary, style, level: level, into: &text)
    case .undefined(let undefined): throw failure("tojson: \(undefined.message)")
    default: throw failure("tojson cannot write \(value.kind)")
    }
    try check(textBytes: text.utf8.count)
  }

  private func encode(
    _ dictionary: ValueDictionary, _ style: JSONStyle, level: Int, into text: inout String
  ) throws(TemplateError) {
    guard !dictionary.entries.isEmpty else {
      text += "{}"
      return
    }
    var entries = dictionary.entries
    if style.sortsKeys {
      entries = try sorted(entries) { (first, second) throws(TemplateError) in try isLess(first.key, second.key) }
    }
    text += "{"
    for (position, entry) in entries.enumerated() {
      if position > 0 { text += style.itemSeparator }
      try breakLine(style, level + 1, into: &text)
      let key: String
      switch entry.key {
      case .string(let string), .markup(let string): key = string
      case .int(let value): key = String(value)
      case .double(let value): key = value.jsonText
      case .bool(let value): key = value ? "true" : "false"
      case .none: key = "null"
      default: throw failure("\(entry.key.kind) cannot be a key in JSON")
      }
      try charge(text: key.utf8.count)
      text += key.jsonLiteral(asciiOnly: style.asciiOnly) + style.keySeparator
      try encode(entry.value, style, level: level + 1, into: &text)
    }
    try breakLine(style, level, into: &text)
    text += "}"
  }

  private func breakLine(_ style: JSONStyle, _ level: Int, into text: inout String) throws(TemplateError) {
    guard let indentation = style.indentation else { return }
    try check(textBytes: text.utf8.count + level * indentation.utf8.count)
    text += "\n" + String(repeating: indentation, count: level)
  }
}

extension Double {
  /// The number as Python's `json` writes it, which has words for what JSON has none for.
  fileprivate var jsonText: String {
    isFinite ? pythonText : isNaN ? "NaN" : self < 0 ? "-Infinity" : "Infinity"
  }
}

extension String {
  fileprivate func jsonLiteral(asciiOnly: Bool) -> String {
    var text = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      default:
        if scalar.value < 0x20 || (asciiOnly && scalar.value > 0x7E) {
          for unit in String(scalar).utf16 {
            let digits = String(unit, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
          }
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    return text + "\""
  }
}
