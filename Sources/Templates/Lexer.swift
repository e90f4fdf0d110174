/// Takes a template apart into tokens, with Jinja's rules of white space under `trim_blocks` and `lstrip_blocks`.
struct Lexer {
  private var scanner: ByteScanner
  private var tokens: [Token] = []
  /// Whether the last tag took a line break with it, so that what follows begins a line.
  private var startsLine = true

  /// The tokens of a template, `.end` last.
  static func tokens(of source: String) throws(TemplateError) -> [Token] {
    var lexer = Lexer(scanner: ByteScanner(bytes: normalized(source)))
    try lexer.scan()
    return lexer.tokens
  }

  /// The source with `\n` for all line breaks and without the last one.
  private static func normalized(_ source: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(source.utf8.count)
    var followsReturn = false
    for byte in source.utf8 {
      if byte == 0x0D || (byte == 0x0A && !followsReturn) {
        bytes.append(0x0A)
      } else if byte != 0x0A {
        bytes.append(byte)
      }
      followsReturn = byte == 0x0D
    }
    if bytes.last == 0x0A { bytes.removeLast() }
    return bytes
  }

  private mutating func append(_ kind: Token.Kind, line: Int) { tokens.append(Token(kind: kind, line: line)) }

  private mutating func scan() throws(TemplateError) {
    while let opening = nextOpening() {
      let text = scanner.index..<opening
      let kind = scanner.bytes[opening + 1]
      var sign: UInt8 = 0
      if opening + 2 < scanner.bytes.count, case let next = scanner.bytes[opening + 2],
        next == UInt8(ascii: "-") || next == UInt8(ascii: "+")
      {
        sign = next
      }
      appendText(text, sign: sign, isOutput: kind == UInt8(ascii: "{"))
      scanner.advance(to: opening + (sign == 0 ? 2 : 3))
      startsLine = false
      switch kind {
      case UInt8(ascii: "#"): try skipComment()
      case UInt8(ascii: "%"): try scanTag(start: .tagStart, end: .tagEnd, closing: UInt8(ascii: "%"))
      default: try scanTag(start: .outputStart, end: .outputEnd, closing: UInt8(ascii: "}"))
      }
    }
    appendText(scanner.index..<scanner.bytes.count, sign: UInt8(ascii: "+"), isOutput: false)
    scanner.advance(to: scanner.bytes.count)
    append(.end, line: scanner.line)
  }

  /// Where the next tag, output or comment begins.
  private func nextOpening() -> Int? {
    let bytes = scanner.bytes
    var index = scanner.index
    while index + 1 < bytes.count {
      if bytes[index] == UInt8(ascii: "{") {
        switch bytes[index + 1] {
        case UInt8(ascii: "{"), UInt8(ascii: "%"), UInt8(ascii: "#"): return index
        default: break
        }
      }
      index += 1
    }
    return nil
  }

  /// Appends the text before a tag, less what the tag takes away of it.
  private mutating func appendText(_ range: Range<Int>, sign: UInt8, isOutput: Bool) {
    let text = scanner.bytes[range]
    var end = range.upperBound
    if sign == UInt8(ascii: "-") {
      end = text.endWithoutSpace
    } else if sign == 0, !isOutput {
      let lineStart = text.lastIndex(of: 0x0A).map { $0 + 1 } ?? range.lowerBound
      if lineStart > range.lowerBound || startsLine, text[lineStart...].endWithoutSpace == lineStart { end = lineStart }
    }
    guard end > range.lowerBound else { return }
    append(.text(String(decoding: scanner.bytes[range.lowerBound..<end], as: UTF8.self)), line: scanner.line)
  }

  private mutating func skipComment() throws(TemplateError) {
    let line = scanner.line
    var index = scanner.index
    while index + 1 < scanner.bytes.count {
      if scanner.bytes[index] == UInt8(ascii: "#"), scanner.bytes[index + 1] == UInt8(ascii: "}") {
        let sign = index > scanner.index ? scanner.bytes[index - 1] : 0
        scanner.advance(to: index + 2)
        close(sign: sign, trimsBreak: true)
        return
      }
      index += 1
    }
    throw TemplateError(.syntax, line: line, "the comment is never closed by '#}'")
  }

  /// Steps over the white space that a closing mark takes away.
  private mutating func close(sign: UInt8, trimsBreak: Bool) {
    let start = scanner.index
    if sign == UInt8(ascii: "-") {
      scanner.skipSpace()
    } else if sign != UInt8(ascii: "+"), trimsBreak, scanner.peek() == 0x0A {
      scanner.advance(to: scanner.index + 1)
    }
    startsLine = scanner.index > start && scanner.bytes[scanner.index - 1] == 0x0A
  }

  private mutating func scanTag(start: Token.Kind, end: Token.Kind, closing: UInt8) throws(TemplateError) {
    let firstLine = scanner.line
    append(start, line: firstLine)
    let firstToken = tokens.count
    var open: [Token.Symbol] = []
    while true {
      if open.isEmpty, let sign = closingSign(closing) {
        scanner.advance(to: scanner.index + (sign == 0 ? 2 : 3))
        append(end, line: scanner.line)
        close(sign: sign, trimsBreak: closing == UInt8(ascii: "%"))
        return
      }
      scanner.skipSpace()
      if open.isEmpty, closingSign(closing) != nil { continue }
      let line = scanner.line
      guard let kind = try scanner.nextCode(open: &open) else {
        let marks = closing == UInt8(ascii: "%") ? "'{%' is never closed by '%}'" : "'{{' is never closed by '}}'"
        throw TemplateError(.syntax, line: firstLine, marks)
      }
      append(kind, line: line)
      if tokens.count == firstToken + 1, start == .tagStart, kind == .name("raw") {
        throw TemplateError(.unsupported, line: line, "the tag 'raw' is not supported")
      }
    }
  }

  /// The sign before the closing mark if it stands here, 0 for none.
  private func closingSign(_ closing: UInt8) -> UInt8? {
    func stands(_ offset: Int) -> Bool {
      scanner.peek(offset) == closing && scanner.peek(offset + 1) == UInt8(ascii: "}")
    }
    if stands(0) { return 0 }
    let sign = scanner.peek()
    guard sign == UInt8(ascii: "-") || (sign == UInt8(ascii: "+") && closing == UInt8(ascii: "%")) else { return nil }
    return stands(1) ? sign : nil
  }
}

extension ArraySlice<UInt8> {
  /// Where the white space at the end of valid UTF-8 begins.
  var endWithoutSpace: Int {
    var end = endIndex
    while end > startIndex {
      var start = end - 1
      while start > startIndex, self[start] & 0xC0 == 0x80 { start -= 1 }
      guard let scalar = String(decoding: self[start..<end], as: UTF8.self).unicodeScalars.first, scalar.isPythonSpace
      else { break }
      end = start
    }
    return end
  }
}
