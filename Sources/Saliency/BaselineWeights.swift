import Tensors

/// Weights of the methods that NLFT is compared with.
extension TokenWeights {
  /// Every token plain, with the likelihood 1.
  static func likelihood(count: Int) -> TokenWeights {
    TokenWeights(
      classes: Array(repeating: .plain, count: count), likelihood: Array(repeating: 1, count: count),
      unlikelihood: Array(repeating: 0, count: count))
  }

  /// An incorrect response under contrastive unlikelihood training: tokens that the critique makes likelier by more
  /// than the cut ratio are salient and have the unlikelihood 0.5, the others the likelihood 1.
  /// - Throws: `SaliencyError` if there are no judge probabilities.
  static func cut(
    _ probabilities: TokenProbabilities, constants: SaliencyConstants
  ) throws(SaliencyError) -> TokenWeights {
    guard let judge = probabilities.judge else {
      throw SaliencyError(.record, "an incorrect record without a critique: its scores have no \"logprob.judge\"")
    }
    var weights = likelihood(count: judge.count)
    for index in judge.indices where judge[index] > constants.cutRatio * probabilities.base[index] {
      weights.classes[index] = .salient
      weights.likelihood[index] = 0
      weights.unlikelihood[index] = Float(constants.cutUnlikelihood)
    }
    return weights
  }
}
