/// Why a model or an adapter cannot be used.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file or directory.
  public let path: String
  /// What was found and what was expected.
  public let reason: String
  /// Whether the file could not be opened at all.
  public let isMissing: Bool

  /// An error about a file or directory.
  public init(_ path: String, _ reason: String, isMissing: Bool = false) {
    self.path = path
    self.reason = reason
    self.isMissing = isMissing
  }

  /// Path and reason on one line.
  public var description: String { "\(path): \(reason)" }
}
