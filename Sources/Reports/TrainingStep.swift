import Records

/// A line of nlft-step's metrics.
public struct TrainingStep: Sendable, Equatable {
  /// From 1, over the adapter's whole life.
  public var step: Int
  /// Pass over the records, from 1.
  public var epoch: Int?
  /// Mean loss of the batch's records, before the update.
  public var loss: Double
  /// Before clipping.
  public var gradientNorm: Double
  /// Of this update.
  public var learningRate: Double
  /// Tokens of all sequences.
  public var tokens: Int
  /// Rows that were computed.
  public var rows: Int
  /// Wall time.
  public var seconds: Double

  /// Takes a line's fields.
  /// - Throws: `RecordError` naming a field that is missing.
  init(_ record: Record) throws(RecordError) {
    func number(_ key: String) throws(RecordError) -> Double {
      guard let value = record[key]?.double else { throw RecordError(missing: key) }
      return value
    }
    guard let step = record["step"]?.integer else { throw RecordError(missing: "step") }
    self.step = step
    epoch = record["epoch"]?.integer
    loss = try number("loss")
    gradientNorm = try number("gradient_norm")
    learningRate = try number("learning_rate")
    tokens = record["tokens"]?.integer ?? 0
    rows = record["rows"]?.integer ?? 0
    seconds = record["seconds"]?.double ?? 0
  }

  /// The steps of a file; none if it is not there.
  static func read(_ path: String) throws -> [TrainingStep] {
    var steps: [TrainingStep] = []
    _ = try RunFiles.records(path) { steps.append(try TrainingStep($0)) }
    return steps
  }
}
