extension Record {
  /// The string under `key`.
  /// - Throws: `RecordError` if the field is absent, null or no string.
  public func string(_ key: String) throws(RecordError) -> String {
    guard let value = try optionalString(key) else { throw RecordError(missing: key) }
    return value
  }

  /// The value under `key`, which is expected to be neither array nor object. Those are refused without being built.
  private func single(_ key: String, _ expected: String) throws(RecordError) -> JSON? {
    switch raw(key)?.first {
    case UInt8(ascii: "["): throw RecordError(field: key, found: "an array", expected: expected)
    case UInt8(ascii: "{"): throw RecordError(field: key, found: "an object", expected: expected)
    default: return self[key]
    }
  }

  /// The string under `key`, or nil if the field is absent or null.
  /// - Throws: `RecordError` if it holds something else.
  public func optionalString(_ key: String) throws(RecordError) -> String? {
    guard let value = try single(key, "a string"), !value.isNull else { return nil }
    guard let string = value.string else { throw RecordError(field: key, found: value.kind, expected: "a string") }
    return string
  }

  /// The boolean under `key`, or nil if the field is absent or null.
  /// - Throws: `RecordError` if it holds something else.
  public func optionalBool(_ key: String) throws(RecordError) -> Bool? {
    guard let value = try single(key, "a boolean"), !value.isNull else { return nil }
    guard let bool = value.bool else { throw RecordError(field: key, found: value.kind, expected: "a boolean") }
    return bool
  }

  /// The integer under `key`, or nil if the field is absent or null.
  /// - Throws: `RecordError` if it holds something else.
  public func optionalInteger(_ key: String) throws(RecordError) -> Int? {
    guard let value = try single(key, "an integer"), !value.isNull else { return nil }
    guard let integer = value.integer else {
      let found = if case .number(let digits) = value { digits } else { value.kind }
      throw RecordError(field: key, found: found, expected: "an integer")
    }
    return integer
  }

  /// The record's name: `id` if it is a string, or an integer as text; nil if it is absent or something else.
  public var idText: String? {
    switch self["id"] {
    case .string(let text): text
    case .number(let digits) where Int(digits) != nil: digits
    default: nil
    }
  }

  /// The user turn: `question`, or its alias `input`; nil if both are absent or null.
  /// - Throws: `RecordError` if it is no string.
  public func question() throws(RecordError) -> String? {
    if let question = try optionalString("question") { return question }
    return try optionalString("input")
  }

  /// Whether the response is to be suppressed: `judgment` is a string or, without that field, `correct` is false.
  ///
  /// A `judgment` of null says that the response is correct; so does a record with neither field.
  /// - Throws: `RecordError` if a field has another type.
  public func isIncorrect() throws(RecordError) -> Bool {
    if raw("judgment") != nil { return try optionalString("judgment") != nil }
    return try optionalBool("correct") == false
  }

  // MARK: Tokens

  /// The token numbers under `tokens.PART`, or nil if they are absent or null.
  /// - Throws: `RecordError` if `tokens` is no object, the part no array, or an element no integer of 32 bits.
  public func tokens(_ part: String) throws(RecordError) -> [Int32]? { try tokens([part])[part] }

  /// The token numbers of several parts of `tokens`; those that are absent or null are left out.
  /// - Throws: as `tokens` of one part.
  public func tokens(_ parts: [String]) throws(RecordError) -> [String: [Int32]] {
    guard let found = try tokenParts() else { return [:] }
    var tokens: [String: [Int32]] = [:]
    for part in parts { tokens[part] = try Self.tokens(part, of: found) }
    return tokens
  }

  private static func tokens(_ part: String, of parts: Record) throws(RecordError) -> [Int32]? {
    guard let value = parts.raw(part) else { return nil }
    let path = "tokens." + part
    guard value.first == UInt8(ascii: "[") else {
      let found = parts[part] ?? .null
      if found.isNull { return nil }
      throw RecordError(field: path, found: found.kind, expected: "an array of token numbers")
    }
    if let tokens = value.withUnsafeBufferPointer(TokenDigits.numbers) { return tokens }
    var tokens: [Int32] = []
    var scanner = JSONScanner(Array(value))
    do {
      try scanner.array { (scanner) throws(JSONError) in
        scanner.skipWhitespace()
        let start = scanner.index
        try scanner.skipValue()
        // A text that is no integer is kept out by Int32 itself: "3.5", "1e3", "\"7\"", "99999999999".
        let text = String(decoding: scanner.bytes[start..<scanner.index], as: UTF8.self)
        guard let token = Int32(text) else { throw JSONError(text, offset: tokens.count) }
        tokens.append(token)
      }
    } catch {
      let expected = "an integer of 32 bits"
      throw RecordError(field: path, found: "\(error.reason) as element \(error.offset + 1)", expected: expected)
    }
    return tokens
  }

  /// Sets `tokens.PART` and leaves the other parts as they are.
  ///
  /// A `tokens` field that is no object is replaced.
  public mutating func setTokens(_ part: String, _ ids: [Int32]) { setTokens([(part, ids)]) }

  /// Sets several parts of `tokens`, in their order, and leaves the others as they are.
  ///
  /// A `tokens` field that is no object is replaced.
  public mutating func setTokens(_ parts: [(part: String, ids: [Int32])]) {
    var tokens = (try? tokenParts()) ?? Record()
    for (part, ids) in parts { tokens.set(part, toRaw: TokenDigits.array(ids)) }
    set("tokens", toRaw: tokens.encoded)
  }

  /// Takes `tokens.PART` off.
  public mutating func removeTokens(_ part: String) {
    guard var parts = try? tokenParts() else { return }
    parts.remove(part)
    set("tokens", toRaw: parts.encoded)
  }

  private func tokenParts() throws(RecordError) -> Record? {
    guard let value = raw("tokens"), !value.elementsEqual("null".utf8) else { return nil }
    do { return try Record(parsing: Array(value)) } catch {
      throw RecordError(field: "tokens", found: self["tokens"]?.kind ?? "nothing", expected: "an object")
    }
  }
}
