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
  /// `tokens.judge`.
  public var judgePrompt: [Int32]?
  /// The record's scores frame.
  public var scores: ScoresFrame?

  /// A record from its parts.
  public init(
    id: String, isIncorrect: Bool, basePrompt: [Int32]?, response: [Int32]?, answer: [Int32]? = nil,
    judgePrompt: [Int32]? = nil, scores: ScoresFrame? = nil
  ) {
    self.id = id
    self.isIncorrect = isIncorrect
    self.basePrompt = basePrompt
    self.response = response
    self.answer = answer
    self.judgePrompt = judgePrompt
    self.scores = scores
  }
}

extension ScoredRecord {
  /// Tokens that the method cannot do without.
  func required(_ tokens: KeyPath<ScoredRecord, [Int32]?>, _ field: String) throws(SaliencyError) -> [Int32] {
    guard let tokens = self[keyPath: tokens] else { throw SaliencyError(.record, "has no \"tokens.\(field)\"") }
    guard !tokens.isEmpty else { throw SaliencyError(.record, "\"tokens.\(field)\" is empty") }
    if let bad = tokens.first(where: { $0 < 0 }) {
      throw SaliencyError(.record, "\"tokens.\(field)\" has the token \(bad)")
    }
    return tokens
  }

  /// The scores frame, after it has been compared with the record.
  func checkedScores() throws(SaliencyError) -> ScoresFrame {
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
