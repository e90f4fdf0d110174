import Transformer

/// Ranks the tokens of responses among all that a model could have taken.
public struct ResponseRanking {
  private let model: TransformerModel
  private let scorer: ResponseScorer

  /// Rankings by `model`, which agree with the log-probabilities that a `ResponseScorer` finds.
  public init(model: TransformerModel) {
    self.model = model.choosing(by: .tall)
    scorer = ResponseScorer(model: model, hidden: .none)
  }

  /// The most likely tokens at each place of a response, [T].
  /// - Parameters:
  ///   - output: the response, not empty.
  ///   - prompt: what the model reads before it.
  ///   - count: how many tokens, the most likely ones.
  /// - Throws: `TokenRangeError` or `ScoringError` if the tokens are not the model's or do not fit its context.
  public func rankings(of output: [Int32], behind prompt: [Int32], count: Int) throws -> [TokenRanking] {
    try scorer.validate(ScoringRequest(base: prompt, standard: nil, judge: nil, output: output))
    let layout = model.layout([prompt + output.dropLast()])
    let rows = output.indices.map { layout.row(sequence: 0, position: prompt.count - 1 + $0) }
    return model.rankings(model.states(layout, reading: rows), rows: rows, targets: output, count: count)
  }
}
