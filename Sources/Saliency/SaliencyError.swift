/// Why a record has no loss under the chosen method, or why the constants make no sense.
public struct SaliencyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What sort of trouble it is.
  public enum Kind: Sendable {
    /// A constant is outside its range: a mistake on the command line.
    case constant
    /// The record lacks something that the method needs.
    case record
    /// None of the record's tokens has a weight, so that there is nothing to learn from it.
    case weightless
    /// The scores frame contradicts the record or itself.
    case scores
    /// The method leaves such records out by definition; nothing is wrong with the record.
    case leftOut
  }

  /// What sort of trouble it is.
  public let kind: Kind
  /// What was found and what was expected, on one line; the caller names the record.
  public let description: String

  /// An error with its one-line reason.
  public init(_ kind: Kind, _ reason: String) {
    self.kind = kind
    description = reason
  }
}
