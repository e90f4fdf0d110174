/// A place in the UTF-8 of a template, which knows its line, and the words of the expression language found there.
struct ByteScanner {
  let bytes: [UInt8]
  private(set) var index = 0
  /// The line of `index`, from 1.
  private(set) var line = 1

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// The byte `offset` behind the place; 0 behind the end.
  func peek(_ offset: Int = 0) -> UInt8 { index + offset < bytes.count ? bytes[index + offset] : 0 }

  /// Goes forward to `target`, counting lines.
  mutating func advance(to target: Int) {
    while index < target {
      if bytes[index] == 0x0A { line += 1 }
      index += 1
    }
  }

  /// Goes forward over white space, by Python's notion of it.
  mutating func skipSpace() {
    while index < bytes.count {
      if bytes[index] < 0x80 {
        guard Unicode.Scalar(bytes[index]).isPythonSpace else { return }
        advance(to: index + 1)
      } else {
        guard let scalar = scalar, scalar.isPythonSpace else { return }
        advance(to: index + scalar.utf8.count)
      }
    }
  }

  /// The scalar at the place.
  private var scalar: Unicode.Scalar? {
    String(decoding: bytes[index..<min(bytes.count, index + 4)], as: UTF8.self).unicodeScalars.first
  }

  private func fail(_ message: String) -> TemplateError { TemplateError(.syntax, line: line, message) }

  /// The next word of an expression, or nil at the end of the template. White space is skipped already.
  /// - Parameter open: brackets that are open, the innermost last.
  mutating func nextCode(open: inout [Token.Symbol]) throws(TemplateError) -> Token.Kind? {
    guard index < bytes.count else { return nil }
    let byte = bytes[index]
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .string(try string(quote: byte))
    case _ where byte.isNamePart: return name()
    default: break
    }
    for (spelling, symbol) in Token.Symbol.bySpelling where bytes[index...].starts(with: spelling) {
      try balance(symbol, &open)
      advance(to: index + spelling.count)
      return .symbol(symbol)
    }
    throw fail("the character \(String(scalar ?? "?").quoted) is not expected in an expression")
  }

  private func balance(_ symbol: Token.Symbol, _ open: inout [Token.Symbol]) throws(TemplateError) {
    switch symbol {
    case .leftBrace: open.append(.rightBrace)
    case .leftParenthesis: open.append(.rightParenthesis)
    case .leftBracket: open.append(.rightBracket)
    case .rightBrace, .rightParenthesis, .rightBracket:
      guard let expected = open.popLast() else { throw fail("'\(symbol.rawValue)' closes nothing") }
      guard expected == symbol else {
        throw fail("'\(symbol.rawValue)' was found where '\(expected.rawValue)' was expected")
      }
    default: break
    }
  }

  private mutating func name() -> Token.Kind {
    let start = index
    while peek().isNamePart { advance(to: index + 1) }
    return .name(String(decoding: bytes[start..<index], as: UTF8.self))
  }

  // MARK: Numbers

  private mutating func number() throws(TemplateError) -> Token.Kind {
    if peek() == UInt8(ascii: "0") {
      let radix: Int? =
        switch peek(1) | 0x20 {
        case UInt8(ascii: "x"): 16
        case UInt8(ascii: "o"): 8
        case UInt8(ascii: "b"): 2
        default: nil
        }
      if let radix, let digit = Character(Unicode.Scalar(peek(2))).hexDigitValue, digit < radix {
        advance(to: index + 2)
        var digits = ""
        while peek().isNamePart {
          if peek() != UInt8(ascii: "_") { digits.unicodeScalars.append(Unicode.Scalar(peek())) }
          advance(to: index + 1)
        }
        guard let value = Int(digits, radix: radix) else { throw fail("the number '\(digits)' is no integer") }
        return .integer(value)
      }
    }
    var digits = takeDigits()
    var isFloat = false
    let followsDot = tokensEndInDot
    if !followsDot, peek() == UInt8(ascii: "."), peek(1).isDigit {
      isFloat = true
      advance(to: index + 1)
      digits += "." + takeDigits()
    }
    if !followsDot, peek() | 0x20 == UInt8(ascii: "e") {
      let hasSign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
      if peek(hasSign ? 2 : 1).isDigit {
        isFloat = true
        digits += "e" + (peek(1) == UInt8(ascii: "-") ? "-" : "")
        advance(to: index + (hasSign ? 2 : 1))
        digits += takeDigits()
      }
    }
    if isFloat {
      guard let value = Double(digits) else { throw fail("the number '\(digits)' cannot be read") }
      return .float(value)
    }
    guard let value = Int(digits) else { throw fail("the number \(digits.quoted) is too large") }
    guard digits.utf8.first != UInt8(ascii: "0") || value == 0 else {
      throw fail("the number \(digits.quoted) begins with 0")
    }
    return .integer(value)
  }

  /// Whether a dot stands directly before the place, as in `list.0`, where digits name an element.
  private var tokensEndInDot: Bool {
    var start = index
    while start > 0, bytes[start - 1].isDigit || bytes[start - 1] == UInt8(ascii: "_") { start -= 1 }
    return start > 0 && bytes[start - 1] == UInt8(ascii: ".")
  }

  private mutating func takeDigits() -> String {
    var digits = ""
    while peek().isDigit || (peek() == UInt8(ascii: "_") && peek(1).isDigit) {
      if peek() != UInt8(ascii: "_") { digits.unicodeScalars.append(Unicode.Scalar(peek())) }
      advance(to: index + 1)
    }
    return digits
  }

  // MARK: Strings

  private mutating func string(quote: UInt8) throws(TemplateError) -> String {
    let opening = self
    advance(to: index + 1)
    var content: [UInt8] = []
    while index < bytes.count, bytes[index] != quote {
      if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
        try escape(into: &content)
      } else {
        content.append(bytes[index])
        advance(to: index + 1)
      }
    }
    guard index < bytes.count else { throw opening.fail("the string is never closed") }
    advance(to: index + 1)
    return String(decoding: content, as: UTF8.self)
  }

  /// Reads an escape of Python's strings; one that Python does not know stays as it is, backslash included.
  private mutating func escape(into content: inout [UInt8]) throws(TemplateError) {
    let kind = peek(1)
    advance(to: index + 2)
    switch kind {
    case 0x0A: break
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): content.append(kind)
    case UInt8(ascii: "a"): content.append(0x07)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "v"): content.append(0x0B)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      var value = UInt32(kind - UInt8(ascii: "0"))
      for _ in 0..<2 where (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(peek()) {
        value = value * 8 + UInt32(peek() - UInt8(ascii: "0"))
        advance(to: index + 1)
      }
      try append(value, to: &content)
    case UInt8(ascii: "x"): try append(hexadecimal(2), to: &content)
    case UInt8(ascii: "u"): try append(hexadecimal(4), to: &content)
    case UInt8(ascii: "U"): try append(hexadecimal(8), to: &content)
    case UInt8(ascii: "N"): throw TemplateError(.unsupported, line: line, "the escape '\\N' is not supported")
    default: content += [UInt8(ascii: "\\"), kind]
    }
  }

  private mutating func hexadecimal(_ count: Int) throws(TemplateError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let digit = Character(Unicode.Scalar(peek())).hexDigitValue else {
        throw fail("an escape needs \(count) hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      advance(to: index + 1)
    }
    return value
  }

  private func append(_ value: UInt32, to content: inout [UInt8]) throws(TemplateError) {
    guard let scalar = Unicode.Scalar(value) else {
      throw fail("the escape of U+\(String(value, radix: 16, uppercase: true)) names no character")
    }
    content += Array(String(scalar).utf8)
  }
}

extension UInt8 {
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  fileprivate var isNamePart: Bool {
    isDigit || self == UInt8(ascii: "_")
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) && self < 0x80
  }
}
