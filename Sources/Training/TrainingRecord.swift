import Tensors
import Transformer

/// A record as a step needs it: its name and its loss.
public struct TrainingRecord: Sendable {
  /// The record's id, for messages and metrics.
  public let id: String
  /// The sequences of its loss, as far as weights reach.
  public let sequences: [LossSequence]

  /// How its weights were made, if the frame says so: see `LossFrame.settings`.
  public let settings: String?

  /// A record whose tokens the model has.
  /// - Throws: `TokenRangeError` for a token or target outside the vocabulary; `TrainingError` if no weight is left.
  public init(id: String, frame: LossFrame, model: TransformerModel) throws {
    self.id = id
    settings = frame.settings
    for sequence in frame.sequences {
      try model.validate(sequence.tokens)
      try model.validate(sequence.targets)
    }
    sequences = frame.sequences.compactMap(\.weightedPart)
    guard !sequences.isEmpty else { throw TrainingError("no token with a weight: there is nothing to learn from") }
  }

  /// Tokens of all sequences.
  public var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokens.count } }
}

/// Why a step cannot be taken.
public struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was found and what was expected.
  public let description: String

  /// An error in words.
  public init(_ description: String) { self.description = description }
}
