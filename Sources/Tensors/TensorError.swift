/// Why a tensor, a tensor file or an archive could not be used: which file and what was wrong.
public struct TensorError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What sort of trouble it is; a tool chooses its exit status by it.
  public enum Kind: Sendable {
    /// A file cannot be opened for reading.
    case opening
    /// The system failed to read an open file, or to open or write one that is to be written.
    case inputOutput
    /// The content is not what it should be.
    case content
  }

  /// What sort of trouble it is.
  public let kind: Kind
  /// The file, archive frame or field at fault; empty where the caller knows it.
  public let source: String
  /// What was found and what was expected.
  public let reason: String

  /// An error in `source`.
  public init(_ kind: Kind = .content, source: String, _ reason: String) {
    self.kind = kind
    self.source = source
    self.reason = reason
  }

  /// Source and reason on one line.
  public var description: String { source.isEmpty ? reason : "\(source): \(reason)" }
}
