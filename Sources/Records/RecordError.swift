/// Why a record cannot be used: which field, what was found, what was expected.
public struct RecordError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The whole message, on one line.
  public let description: String

  /// An error in a tool's own words.
  public init(_ message: String) {
    description = message
  }

  /// A field holds something else than expected.
  /// - Parameters:
  ///   - field: The key, or a path such as `tokens.base`.
  ///   - found: What it holds, with an article: "a number".
  ///   - expected: What it should hold, with an article: "a string".
  public init(field: String, found: String, expected: String) {
    self.init("field \(JSON.string(field).text): found \(found), expected \(expected)")
  }

  /// A field that is needed is absent or null.
  public init(missing field: String) {
    self.init("no field \(JSON.string(field).text)")
  }

  /// A line or an array element has more bytes than are read.
  static func tooLong(_ limit: Int) -> RecordError {
    RecordError("longer than \(limit) bytes, which is the most that is read of one record")
  }
}
