/// Reads JSON from bytes, strictly as RFC 8259 has it, with a bound on nesting.
///
/// `skipValue` checks a value without building it: a record keeps the bytes of the fields nobody asks for.
struct JSONScanner {
  /// Deeper values are refused, so that a hostile line cannot exhaust the stack.
  static let maximumDepth = 256

  let bytes: [UInt8]
  var index: Int
  private var depth = 0
  /// What the values built so far leave of the memory that they may take.
  private var room = Int.max

  init(_ bytes: [UInt8], at index: Int = 0) {
    self.bytes = bytes
    self.index = index
  }

  var isAtEnd: Bool { index >= bytes.count }

  mutating func skipWhitespace() {
    while index < bytes.count {
      switch bytes[index] {
      case 0x20, 0x09, 0x0A, 0x0D: index += 1
      default: return
      }
    }
  }

  func failure(_ expected: String) -> JSONError {
    guard index < bytes.count else { return JSONError("the text ends where \(expected) is expected", offset: index) }
    let byte = bytes[index]
    let found = byte > 0x20 && byte < 0x7F ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    return JSONError("found \(found) where \(expected) is expected", offset: index)
  }

  mutating func expect(_ byte: UInt8, _ name: String) throws(JSONError) {
    guard index < bytes.count, bytes[index] == byte else { throw failure(name) }
    index += 1
  }

  mutating func expectEnd() throws(JSONError) {
    skipWhitespace()
    guard isAtEnd else { throw failure("the end") }
  }

  private mutating func enter() throws(JSONError) {
    depth += 1
    if depth > Self.maximumDepth {
      throw JSONError("nested deeper than \(Self.maximumDepth) levels", offset: index)
    }
  }

  // MARK: Values

  /// Builds a value that takes no more memory than `room` bytes.
  mutating func value(room: Int) throws(JSONError) -> JSON {
    self.room = room
    return try value()
  }

  /// Takes memory for a part of a value.
  private mutating func take(_ count: Int) throws(JSONError) {
    room -= count
    if room < 0 { throw JSONError("too many values for \(bytes.count) bytes", offset: index) }
  }

  /// Takes memory for a text; short ones lie in the values themselves.
  private mutating func take(_ text: String) throws(JSONError) {
    let count = text.utf8.count
    if count > 15 { try take(count + Self.headerBytes) }
  }

  /// What the system and Swift keep beside the content of an array or a long text.
  private static let headerBytes = 40
  /// Arrays that grow have room for twice their elements.
  private static let growth = 2

  private mutating func value() throws(JSONError) -> JSON {
    skipWhitespace()
    guard index < bytes.count else { throw failure("a value") }
    switch bytes[index] {
    case UInt8(ascii: "{"):
      var members: [JSON.Member] = []
      try object { (scanner, key) throws(JSONError) in
        try scanner.take(Self.growth * MemoryLayout<JSON.Member>.stride + (members.isEmpty ? Self.headerBytes : 0))
        try scanner.take(key)
        members.append(JSON.Member(key, try scanner.value()))
      }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSON] = []
      try array { (scanner) throws(JSONError) in
        try scanner.take(Self.growth * MemoryLayout<JSON>.stride + (elements.isEmpty ? Self.headerBytes : 0))
        elements.append(try scanner.value())
      }
      return .array(elements)
    case UInt8(ascii: "\""):
      let text = try string()
      try take(text)
      return .string(text)
    case UInt8(ascii: "t"):
      try literal("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try literal("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try literal("null")
      return .null
    default:
      let start = index
      try skipNumber()
      let digits = String(decoding: bytes[start..<index], as: UTF8.self)
      try take(digits)
      return .number(digits)
    }
  }

  /// Passes over one value and checks its syntax.
  mutating func skipValue() throws(JSONError) {
    let (start, levels) = (index, Self.maximumDepth - depth)
    let end = bytes.withUnsafeBufferPointer { JSONSkimmer($0).end(from: start, levels: levels) }
    if let end { index = end } else { try examineValue() }
  }

  /// Passes over one value part by part.
  private mutating func examineValue() throws(JSONError) {
    skipWhitespace()
    guard index < bytes.count else { throw failure("a value") }
    switch bytes[index] {
    case UInt8(ascii: "{"): try object { (scanner, _) throws(JSONError) in try scanner.examineValue() }
    case UInt8(ascii: "["): try array { (scanner) throws(JSONError) in try scanner.examineValue() }
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "t"): try literal("true")
    case UInt8(ascii: "f"): try literal("false")
    case UInt8(ascii: "n"): try literal("null")
    default: try skipNumber()
    }
  }

  /// Reads an object; `member` is called behind each colon and must consume the value.
  mutating func object(_ member: (inout JSONScanner, String) throws(JSONError) -> Void) throws(JSONError) {
    try expect(UInt8(ascii: "{"), "an object")
    try enter()
    defer { depth -= 1 }
    var keys = ObjectKeys()
    skipWhitespace()
    if index < bytes.count, bytes[index] == UInt8(ascii: "}") {
      index += 1
      return
    }
    while true {
      skipWhitespace()
      let start = index
      guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw failure("a key in quotes") }
      let key = try string()
      guard keys.insert(key) else {
        throw JSONError("the key \"\(key)\" stands twice", offset: start)
      }
      skipWhitespace()
      try expect(UInt8(ascii: ":"), "':'")
      try member(&self, key)
      skipWhitespace()
      guard index < bytes.count else { throw failure("',' or '}'") }
      if bytes[index] == UInt8(ascii: "}") {
        index += 1
        return
      }
      try expect(UInt8(ascii: ","), "',' or '}'")
    }
  }

  /// Reads an array; `element` is called before each element and must consume it.
  mutating func array(_ element: (inout JSONScanner) throws(JSONError) -> Void) throws(JSONError) {
    try expect(UInt8(ascii: "["), "an array")
    try enter()
    defer { depth -= 1 }
    skipWhitespace()
    if index < bytes.count, bytes[index] == UInt8(ascii: "]") {
      index += 1
      return
    }
    while true {
      try element(&self)
      skipWhitespace()
      guard index < bytes.count else { throw failure("',' or ']'") }
      if bytes[index] == UInt8(ascii: "]") {
        index += 1
        return
      }
      try expect(UInt8(ascii: ","), "',' or ']'")
    }
  }

  // MARK: Literals, numbers, strings

  private mutating func literal(_ word: StaticString) throws(JSONError) {
    for offset in 0..<word.utf8CodeUnitCount {
      guard index + offset < bytes.count, bytes[index + offset] == word.utf8Start[offset] else {
        throw failure("a value")
      }
    }
    index += word.utf8CodeUnitCount
  }

  private mutating func digits() throws(JSONError) {
    let start = index
    while index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39 { index += 1 }
    if index == start { throw failure("a digit") }
  }

  private mutating func skipNumber() throws(JSONError) {
    let start = index
    if bytes[index] == UInt8(ascii: "-") { index += 1 }
    guard index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39 else {
      if index == start { throw failure("a value") }
      throw failure("a digit")
    }
    if bytes[index] == 0x30 { index += 1 } else { try digits() }
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      index += 1
      try digits()
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index += 1 }
      try digits()
    }
  }

  private mutating func string() throws(JSONError) -> String {
    let opening = index
    index += 1
    let end = endOfPlainText(from: index)
    if end < bytes.count, bytes[end] == UInt8(ascii: "\"") {
      defer { index = end + 1 }
      return try text(bytes[index..<end], from: opening)
    }
    return try escapedString(from: opening)
  }

  /// The first byte from `start` on that is a quote, a backslash or a control character, or the end.
  private func endOfPlainText(from start: Int) -> Int {
    bytes.withUnsafeBufferPointer { bytes in
      var end = start
      while end < bytes.count, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\"), bytes[end] >= 0x20 {
        end += 1
      }
      return end
    }
  }

  private func text(_ slice: ArraySlice<UInt8>, from opening: Int) throws(JSONError) -> String {
    let text = slice.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
    guard let text else { throw JSONError("a string is not UTF-8", offset: opening) }
    return text
  }

  private mutating func escapedString(from opening: Int) throws(JSONError) -> String {
    var content: [UInt8] = []
    while true {
      guard index < bytes.count else { throw JSONError("a string has no closing quote", offset: opening) }
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "\""):
        index += 1
        return try text(content[...], from: opening)
      case UInt8(ascii: "\\"):
        index += 1
        try escape(into: &content)
      case 0..<0x20: throw failure("an escaped control character")
      default:
        let end = endOfPlainText(from: index)
        content.append(contentsOf: bytes[index..<end])
        index = end
      }
    }
  }

  private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
    guard index < bytes.count else { throw failure("an escape") }
    switch bytes[index] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(bytes[index])
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "u"):
      index += 1
      content.append(contentsOf: try unicodeEscape().utf8)
      return
    default: throw failure("one of the escapes of JSON")
    }
    index += 1
  }

  private mutating func unicodeEscape() throws(JSONError) -> String {
    let start = index
    let unit = try hexadecimalUnit()
    if unit & 0xFC00 == 0xD800, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
      bytes[index + 1] == UInt8(ascii: "u")
    {
      index += 2
      let low = try hexadecimalUnit()
      guard low & 0xFC00 == 0xDC00 else { throw JSONError("a lone surrogate in an escape", offset: start) }
      return String(decoding: [unit, low], as: UTF16.self)
    }
    guard let scalar = UnicodeScalar(unit) else { throw JSONError("a lone surrogate in an escape", offset: start) }
    return String(scalar)
  }

  private mutating func hexadecimalUnit() throws(JSONError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard index < bytes.count, let digit = Character(UnicodeScalar(bytes[index])).hexDigitValue, bytes[index] < 0x80
      else { throw failure("four hexadecimal digits") }
      unit = unit << 4 | UInt16(digit)
      index += 1
    }
    return unit
  }
}
