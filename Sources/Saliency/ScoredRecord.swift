import Records
import Tensors

/// What a loss is made of: the parts of a record that some method reads. What the method at hand does not need may
/// be nil.
public struct ScoredRecord: Sendable {
  /// The record's id; a number as its digits.
  public var id: String
  /// Whether the response is incorrect.
  public var isIncorrect: Bool
  /// `tokens.base`.
  public var basePrompt: [Int32]?
  /// `tokens.output`: the response.
  public var response: [Int32]?
  /// `tokens.answer`: the standard answer tokenised as a response, end-of-turn token included.
  public var answer: [Int32]?
  /// `tokens.standard`.
  public var standardPrompt: [Int32]?
  /// `tokens.judge`.
  public var judgePrompt: [Int32]?
  /// The record's scores frame.
  public var scores: ScoresFrame?

  /// A record from its parts.
  public init(
    id: String, isIncorrect: Bool, basePrompt: [Int32]?, response: [Int32]?, answer: [Int32]? = nil,
    standardPrompt: [Int32]? = nil, judgePrompt: [Int32]? = nil, scores: ScoresFrame? = nil
  ) {
    self.id = id
    self.isIncorrect = isIncorrect
    self.basePrompt = basePrompt
    self.response = response
    self.answer = answer
    self.standardPrompt = standardPrompt
    self.judgePrompt = judgePrompt
    self.scores = scores
  }
}

extension ScoredRecord {
  /// The id, the verdict and the tokens of a judged record.
  /// - Throws: `RecordError` if there is no id or a field is of another type.
  public init(_ record: Record, scores: ScoresFrame? = nil) throws(RecordError) {
    guard let id = record.idText else { throw RecordError(missing: "id") }
    let isIncorrect = try record.isIncorrect()
    let tokens = try record.tokens(["base", "output", "answer", "standard", "judge"])
    self.init(
      id: id, isIncorrect: isIncorrect, basePrompt: tokens["base"], response: tokens["output"],
      answer: tokens["answer"], standardPrompt: tokens["standard"], judgePrompt: tokens["judge"], scores: scores)
  }

  /// Tokens that the method cannot do without.
  /// - Parameter field: their name in the record, for errors.
  /// - Throws: `SaliencyError` of kind `record` if they are missing, empty or negative.
  public func required(_ tokens: KeyPath<ScoredRecord, [Int32]?>, _ field: String) throws(SaliencyError) -> [Int32] {
    guard let tokens = self[keyPath: tokens] else { throw SaliencyError(.record, "has no \"tokens.\(field)\"") }
    guard !tokens.isEmpty else { throw SaliencyError(.record, "\"tokens.\(field)\" is empty") }
    if let bad = tokens.first(where: { $0 < 0 }) {
      throw SaliencyError(.record, "\"tokens.\(field)\" has the token \(bad)")
    }
    return tokens
  }

  /// The scores frame, after it has been compared with the record.
  /// - Throws: `SaliencyError` if there is none, or it belongs to another id or other tokens.
  public func checkedScores() throws(SaliencyError) -> ScoresFrame {
    guard let scores else { throw SaliencyError(.record, "has no \"scores\"") }
    if let other = scores.origin.id, other != id {
      throw SaliencyError(.scores, "the scores frame belongs to id \"\(other)\"")
    }
    let response = try required(\.response, "output")
    guard response.count == scores.tokens.count else {
      throw SaliencyError(
        .scores, "\"tokens.output\" has \(response.count) tokens, but \(scores.tokens.count) were scored")
    }
    if let bad = response.indices.first(where: { response[$0] != scores.tokens[$0] }) {
      throw SaliencyError(
        .scores, "\"tokens.output\" has \(response[bad]) at \(bad), but \(scores.tokens[bad]) was scored")
    }
    return scores
  }
}
