/// Why a text is not JSON, and where.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was found and what was expected.
  public let reason: String
  /// Offset of the offending byte, from 0.
  public let offset: Int

  /// An error at a byte of the text.
  public init(_ reason: String, offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// The reason and the byte, counted from 1 as editors do.
  public var description: String { "not JSON: \(reason) at byte \(offset + 1)" }
}
