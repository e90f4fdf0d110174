import Tensors

/// The prompts, beside the base prompt, under which a method reads a response.
public struct ScoredPrompts: Sendable, Equatable {
  /// Whether the one with the standard answer is among them.
  public let standard: Bool
  /// Whether the one with the critique is among them.
  public let judge: Bool
}

/// Turns scored records into losses by one method.
public struct LossBuilder: Sendable {
  /// The method.
  public let method: LossMethod
  /// Its constants.
  public let constants: SaliencyConstants
  /// The seed by which each response's weights are put at random places; nil leaves them where they belong.
  public let shuffling: UInt64?

  /// A builder for `method`.
  /// - Parameters:
  ///   - constants: the method's preset if nil.
  ///   - shuffling: see there; methods that weigh all tokens alike do not change.
  /// - Throws: `SaliencyError` of kind `constant` if a constant is outside its range.
  public init(
    method: LossMethod, constants: SaliencyConstants? = nil, shuffling: UInt64? = nil
  ) throws(SaliencyError) {
    let constants = constants ?? method.preset
    try constants.validate()
    self.method = method
    self.constants = constants
    self.shuffling = shuffling
  }

  /// Whether the method, with these constants, reads the hidden states of a scores frame.
  public var needsHidden: Bool {
    switch method {
    case .nlft, .nlftReference: constants.clustering != .off
    case .sft, .distill, .distillCorrect, .distillCleaned, .cut, .dft: false
    }
  }

  /// Under which prompts the method reads the probabilities of a response.
  /// - Parameter isIncorrect: whether the response is incorrect.
  /// - Returns: nil if the method reads none.
  public func prompts(isIncorrect: Bool) -> ScoredPrompts? {
    switch method {
    case .sft, .distill, .distillCorrect, .distillCleaned: nil
    case .dft: ScoredPrompts(standard: false, judge: false)
    case .cut: ScoredPrompts(standard: false, judge: isIncorrect)
    case .nlft, .nlftReference: ScoredPrompts(standard: true, judge: isIncorrect)
    }
  }

  /// Whether the standard answer's tokens are in the loss of such a record.
  public func readsAnswer(isIncorrect: Bool) -> Bool {
    switch method {
    case .sft: true
    case .distillCleaned: isIncorrect
    case .nlft, .nlftReference: answerTerm(isIncorrect: isIncorrect) > 0
    case .distill, .distillCorrect, .cut, .dft: false
    }
  }

  private func answerTerm(isIncorrect: Bool) -> Double {
    isIncorrect ? constants.answerTerm : constants.correctAnswerTerm
  }

  /// The loss of one record; weights are final, the mean over the response (1/T) and the factor included.
  ///
  /// Positions whose two weights are both zero are left out, as they cost work and change nothing; `classes` covers
  /// the whole response.
  /// - Throws: `SaliencyError` if the record lacks what the method needs, contradicts its scores, has no token with a
  ///   weight, or is left out by the method.
  public func loss(for record: ScoredRecord) throws(SaliencyError) -> LossFrame {
    var frame = try self.frame(for: record)
    frame.settings = settings
    return frame
  }

  private func frame(for record: ScoredRecord) throws(SaliencyError) -> LossFrame {
    try checkIsLearnt(record)
    let prompt = try record.required(\.basePrompt, "base")
    guard let weights = try responseWeights(of: record) else {
      let answer = try record.required(\.answer, "answer")
      return LossFrame(
        origin: FrameOrigin(id: record.id), sequences: [mean(of: answer, behind: prompt)],
        classes: Array(repeating: .plain, count: answer.count))
    }
    let sequences = try self.sequences(of: record, weights).filter { !$0.positions.isEmpty }
    guard !sequences.isEmpty else { throw SaliencyError(.weightless, "no token with a weight") }
    var origin = method.needsScores ? record.scores?.origin ?? FrameOrigin() : FrameOrigin()
    origin.id = record.id
    return LossFrame(origin: origin, sequences: sequences, classes: weights.classes)
  }

  /// The terms of a loss that has weights for the response: the response, and what the method learns besides.
  private func sequences(of record: ScoredRecord, _ weights: TokenWeights) throws(SaliencyError) -> [LossSequence] {
    let prompt = try record.required(\.basePrompt, "base")
    let response = try record.required(\.response, "output")
    var sequences = [
      Self.sequence(
        prompt: prompt, response: response, likelihood: weights.likelihood, unlikelihood: weights.unlikelihood)
    ]
    if record.isIncorrect, method == .nlft || method == .nlftReference, constants.judgeTerm != .off {
      let judgePrompt = try record.required(\.judgePrompt, "judge")
      sequences.append(
        mean(
          of: response, behind: judgePrompt,
          firstPosition: constants.judgeTerm == .reference ? prompt.count - 1 : nil))
    }
    if readsAnswer(isIncorrect: record.isIncorrect) {
      let answer = try record.required(\.answer, "answer")
      sequences.append(mean(of: answer, behind: prompt, weight: Float(answerTerm(isIncorrect: record.isIncorrect))))
    }
    return sequences
  }

  /// What the loss of a record, whose scores are yet to come, may learn from at most: for each of its terms the tokens
  /// up to the last position that any weights give a weight. The tokens of each sequence of the loss, as far as its
  /// weights reach, begin one of these; the first holds base prompt and response. `first` is the first position that any
  /// weights give a weight.
  /// - Precondition: the method reads scores.
  /// - Throws: `SaliencyError` if the record lacks tokens that the method needs.
  public func reach(of record: ScoredRecord) throws(SaliencyError) -> [(tokens: [Int32], first: Int)] {
    let count = try record.required(\.response, "output").count
    return try sequences(of: record, .likelihood(count: count)).compactMap { sequence in
      guard let first = sequence.positions.first, let last = sequence.positions.last else { return nil }
      return (Array(sequence.tokens.prefix(Int(last) + 1)), Int(first))
    }
  }

  private func checkIsLearnt(_ record: ScoredRecord) throws(SaliencyError) {
    if method == .distillCorrect, record.isIncorrect {
      throw SaliencyError(.leftOut, "\(method.rawValue) leaves incorrect records out")
    }
  }

  /// −log p of a response, the mean over its tokens times a weight.
  private func mean(
    of response: [Int32], behind prompt: [Int32], weight: Float = 1, firstPosition: Int? = nil
  ) -> LossSequence {
    Self.sequence(
      prompt: prompt, response: response,
      likelihood: Array(repeating: scaled(weight, response.count), count: response.count),
      firstPosition: firstPosition)
  }

  /// Classes and final weights of the response's tokens, [T] each, the mean and the factor included; nil where the
  /// method learns the standard answer in the response's place.
  /// - Throws: `SaliencyError` as `loss(for:)`, but for what the other terms of the loss need, and not if every weight
  ///   is zero.
  public func responseWeights(of record: ScoredRecord) throws(SaliencyError) -> TokenWeights? {
    try checkIsLearnt(record)
    var weights: TokenWeights
    switch method {
    case .sft: return nil
    case .distillCleaned where record.isIncorrect: return nil
    case .distill, .distillCorrect, .distillCleaned:
      weights = .likelihood(count: try record.required(\.response, "output").count)
    case .cut, .dft, .nlft, .nlftReference:
      _ = try record.required(\.response, "output")
      let scores = try record.checkedScores()
      weights = try self.weights(TokenProbabilities(scores), scores.hidden, isIncorrect: record.isIncorrect)
      if let shuffling { weights = weights.shuffled(seed: shuffling, id: record.id) }
    }
    let count = weights.classes.count
    for index in 0..<count {
      weights.likelihood[index] = scaled(weights.likelihood[index], count)
      weights.unlikelihood[index] = scaled(weights.unlikelihood[index], count)
    }
    return weights
  }

  /// Classes and weights before mean and factor.
  private func weights(
    _ probabilities: TokenProbabilities, _ hidden: ScoresFrame.Hidden?, isIncorrect: Bool
  ) throws(SaliencyError) -> TokenWeights {
    switch method {
    case .cut:
      return isIncorrect ? try .cut(probabilities, constants: constants) : .likelihood(count: probabilities.base.count)
    case .dft:
      var weights = TokenWeights.likelihood(count: probabilities.base.count)
      weights.likelihood = probabilities.base.map { Float($0) }
      return weights
    default:
      if isIncorrect { return try .incorrect(probabilities, hidden: hidden, constants: constants) }
      var weights = try TokenWeights.correct(probabilities, hidden: hidden, constants: constants)
      // The loss of a correct response is mean(−log b) + mean(−w log b).
      for index in weights.likelihood.indices { weights.likelihood[index] += 1 }
      return weights
    }
  }

  /// A weight after the mean over `count` tokens and the factor.
  private func scaled(_ weight: Float, _ count: Int) -> Float {
    Float(constants.factor * Double(weight) / Double(count))
  }

  /// Prompt and response as one sequence, each response token a target of the position in front of it.
  /// - Parameter firstPosition: where the first response token is read instead; targets whose position is then
  ///   outside the sequence fall away.
  static func sequence(
    prompt: [Int32], response: [Int32], likelihood: [Float], unlikelihood: [Float]? = nil, firstPosition: Int? = nil
  ) -> LossSequence {
    var sequence = LossSequence(
      tokens: prompt + response, positions: [], targets: [], likelihood: [], unlikelihood: [])
    for index in response.indices {
      let position = (firstPosition ?? prompt.count - 1) + index
      let suppression = unlikelihood?[index] ?? 0
      guard position < sequence.tokens.count, likelihood[index] != 0 || suppression != 0 else { continue }
      sequence.positions.append(Int32(position))
      sequence.targets.append(response[index])
      sequence.likelihood.append(likelihood[index])
      sequence.unlikelihood.append(suppression)
    }
    return sequence
  }
}
