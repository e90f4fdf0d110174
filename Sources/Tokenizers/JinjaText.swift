/// A chat template taken apart into a form in which spelling does not count: spaces, quotes, escapes,
/// literal text inside or outside `{{ }}`, strings joined by `+` or side by side.
struct JinjaText {
  /// What a template does, step by step.
  enum Operation: Equatable {
    /// Writes this text.
    case literal(String)
    /// Writes the value of an expression.
    case expression(String)
    /// A statement, as between `{%` and `%}`.
    case statement(String)
  }

  private(set) var operations: [Operation] = []

  /// Takes a template apart, or gives nil if a tag is never closed.
  init?(_ template: String) {
    var characters = Array(template.unicodeScalars)
    // Jinja drops one line break at the end of a template.
    if characters.last == "\n" { characters.removeLast() }
    var index = 0
    var text: [Unicode.Scalar] = []
    var trimsNext = false
    var followsStatement = false
    var isFirst = true
    while index < characters.count {
      guard characters[index] == "{", index + 1 < characters.count, "{%#".unicodeScalars.contains(characters[index + 1])
      else {
        text.append(characters[index])
        index += 1
        continue
      }
      let kind = characters[index + 1]
      guard let end = Self.end(of: kind, in: characters, from: index + 2) else { return nil }
      var inner = characters[index + 2..<end]
      let trimsPrevious = inner.first == "-"
      if trimsPrevious { inner = inner.dropFirst() }
      appendText(
        text, startsLine: isFirst, trimsStart: trimsNext, dropsBreak: followsStatement, trimsEnd: trimsPrevious,
        dropsIndent: kind != "{")
      isFirst = false
      text = []
      trimsNext = inner.last == "-"
      if trimsNext { inner = inner.dropLast() }
      followsStatement = kind != "{"
      switch kind {
      case "{": for part in Self.parts(of: Array(inner)) { append(part) }
      case "%": append(.statement(Self.canonical(Array(inner))))
      default: break
      }
      index = end + 2
    }
    appendText(
      text, startsLine: isFirst, trimsStart: trimsNext, dropsBreak: followsStatement, trimsEnd: false,
      dropsIndent: false)
  }

  private mutating func append(_ operation: Operation) {
    if case .literal(let text) = operation {
      guard !text.isEmpty else { return }
      if case .literal(let earlier) = operations.last {
        operations[operations.count - 1] = .literal(earlier + text)
        return
      }
    }
    operations.append(operation)
  }

  /// Appends text between tags, as Jinja leaves it with `trim_blocks` and `lstrip_blocks`, which transformers sets.
  private mutating func appendText(
    _ text: [Unicode.Scalar], startsLine: Bool, trimsStart: Bool, dropsBreak: Bool, trimsEnd: Bool, dropsIndent: Bool
  ) {
    var text = text[...]
    var startsLine = startsLine
    if trimsStart {
      text = text.drop { $0.properties.isWhitespace }
    } else if dropsBreak, text.first == "\n" {
      text = text.dropFirst()
      startsLine = true
    }
    if trimsEnd {
      while let last = text.last, last.properties.isWhitespace { text = text.dropLast() }
    } else if dropsIndent {
      let indent = text.lastIndex { $0 != " " && $0 != "\t" }.map { $0 + 1 } ?? text.startIndex
      if indent == text.startIndex ? startsLine : text[indent - 1] == "\n" { text = text[..<indent] }
    }
    append(.literal(Self.string(text)))
  }

  private static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var string = String.UnicodeScalarView()
    string.append(contentsOf: scalars)
    return String(string)
  }

  /// Where the tag that began with `{` and `kind` is closed; closing marks inside strings do not count.
  private static func end(of kind: Unicode.Scalar, in text: [Unicode.Scalar], from start: Int) -> Int? {
    let closing: Unicode.Scalar = kind == "{" ? "}" : kind
    var index = start
    var quote: Unicode.Scalar?
    while index + 1 < text.count {
      let scalar = text[index]
      if let open = quote {
        if scalar == "\\" { index += 1 } else if scalar == open { quote = nil }
      } else if kind != "#", scalar == "'" || scalar == "\"" {
        quote = scalar
      } else if scalar == closing, text[index + 1] == "}" {
        return index
      }
      index += 1
    }
    return nil
  }

  // MARK: Code

  /// A piece of an expression: a string without its quotes, or code.
  private enum Word {
    case string(String)
    case code(String)
  }

  private static func words(_ code: [Unicode.Scalar]) -> [Word] {
    var words: [Word] = []
    var current = ""
    var index = 0
    func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
      scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }
    func flush() {
      if !current.isEmpty { words.append(.code(current)) }
      current = ""
    }
    while index < code.count {
      let scalar = code[index]
      if scalar == "'" || scalar == "\"" {
        flush()
        var content: [Unicode.Scalar] = []
        index += 1
        while index < code.count, code[index] != scalar {
          if code[index] == "\\", index + 1 < code.count {
            index += 1
            switch code[index] {
            case "n": content.append("\n")
            case "t": content.append("\t")
            case "r": content.append("\r")
            default: content.append(code[index])
            }
          } else {
            content.append(code[index])
          }
          index += 1
        }
        words.append(.string(string(content)))
      } else if scalar.properties.isWhitespace {
        flush()
      } else {
        if !isNameScalar(scalar) { flush() }
        current.unicodeScalars.append(scalar)
        if !isNameScalar(scalar) { flush() }
      }
      index += 1
    }
    flush()
    return words
  }

  /// Code with one space between words, each symbol a word, strings in single quotes, and `.name` written as `['name']`.
  private static func canonical(_ code: [Unicode.Scalar]) -> String { canonical(words(code)) }

  private static func canonical(_ words: [Word]) -> String {
    var parts: [String] = []
    var index = 0
    while index < words.count {
      switch words[index] {
      case .string(let text):
        if index >= 2, case .code("+") = words[index - 1], case .string = words[index - 2],
          let last = parts.indices.last
        {
          // Two strings joined by a plus are one.
          parts.removeSubrange(last...)
          parts[last - 1] = String(parts[last - 1].dropLast()) + text + "'"
        } else {
          parts.append("'" + text + "'")
        }
      case .code("."):
        if index + 1 < words.count, case .code(let name) = words[index + 1] {
          parts += ["[", "'" + name + "'", "]"]
          index += 1
        } else {
          parts.append(".")
        }
      case .code(let text): parts.append(text)
      }
      index += 1
    }
    return parts.joined(separator: " ")
  }

  /// The parts of an expression that plus signs outside brackets join.
  private static func parts(of code: [Unicode.Scalar]) -> [Operation] {
    var operations: [Operation] = []
    var part: [Word] = []
    func flush() {
      if part.count == 1, case .string(let text) = part[0] {
        operations.append(.literal(text))
      } else if !part.isEmpty {
        operations.append(.expression(canonical(part)))
      }
      part = []
    }
    let words = words(code)
    let hasBrackets = words.contains { if case .code(let text) = $0 { text.contains("(") } else { false } }
    for word in words {
      if case .code("+") = word, !hasBrackets { flush() } else { part.append(word) }
    }
    flush()
    return operations
  }
}
