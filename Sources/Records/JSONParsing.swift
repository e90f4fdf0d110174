extension JSON {
  /// What the values of a text may take beyond its length, if nothing else is said: 32 MiB. Texts that people write need
  /// two or three times their length, hostile ones twenty times.
  public static let standardRoom = 32 << 20

  /// Parses one JSON text; nothing but white space may stand around it.
  /// - Parameter room: bytes of memory that the values may take beyond as many as the text has.
  /// - Throws: `JSONError` with the offending byte.
  public init(parsing bytes: [UInt8], room: Int = JSON.standardRoom) throws(JSONError) {
    var scanner = JSONScanner(bytes)
    self = try scanner.value(room: room + bytes.count)
    try scanner.expectEnd()
  }

  /// Parses one JSON text; nothing but white space may stand around it.
  /// - Throws: `JSONError` with the offending byte.
  public init(parsing text: String) throws(JSONError) {
    try self.init(parsing: Array(text.utf8))
  }
}
