import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Classes and weights of a response's tokens, [T] each, before the mean over the response and the factor.
///
/// The formulas are those of §6 of the design; computed in double precision, rounded once.
public struct TokenWeights: Sendable, Equatable {
  /// The class of each token.
  public var classes: [TokenClass]
  /// w, the weight of −log b.
  public var likelihood: [Float]
  /// u, the weight of −log(1 − b).
  public var unlikelihood: [Float]

  /// Weights from their parts, equally long.
  public init(classes: [TokenClass], likelihood: [Float], unlikelihood: [Float]) {
    self.classes = classes
    self.likelihood = likelihood
    self.unlikelihood = unlikelihood
  }

  /// The weights of a correct response.
  ///
  /// Salient: s > τ, or s/b above the lift ratio. Weights: salient 1 + ((s − τ)/(1 − τ))^5, clustered (s/τ)^0.3, plain
  /// (s/τ)^0.6. A token that is salient by lift with s below τ weighs 1.
  /// - Parameter hidden: one state for each token; needed unless clustering is off.
  /// - Throws: `SaliencyError` if the standard probabilities or the states are missing or do not fit.
  public static func correct(
    _ probabilities: TokenProbabilities, hidden: ScoresFrame.Hidden?, constants: SaliencyConstants
  ) throws(SaliencyError) -> TokenWeights {
    guard let standard = probabilities.standard else {
      throw SaliencyError(.record, "no standard answer was scored: the scores frame has no \"logprob.standard\"")
    }
    let threshold = constants.threshold
    let salient = zip(standard, probabilities.base).map { s, b in
      switch constants.salientRule {
      case .absolute: s > threshold
      case .lift: s > constants.liftRatio * b
      }
    }
    let classes = try classes(salient: salient, hidden: hidden, constants: constants)
    let likelihood = zip(standard, classes).map { s, tokenClass in
      switch tokenClass {
      case .salient: Float(1 + pow(max(0, (s - threshold) / (1 - threshold)), constants.powers.salient))
      case .cluster: Float(pow(s / threshold, constants.powers.cluster))
      case .plain: Float(pow(s / threshold, constants.powers.plain))
      }
    }
    return TokenWeights(
      classes: classes, likelihood: likelihood, unlikelihood: Array(repeating: 0, count: likelihood.count))
  }

  /// The weights of an incorrect response.
  ///
  /// Salient: j/b > 1.5 and j/s > 1.5 and j > 0.01. Salient tokens have the unlikelihood 2σ(j/b − 1.5) and no
  /// likelihood, clustered ones neither, plain ones the likelihood √s, or none where more than 6 % of the response is
  /// salient.
  /// - Parameter hidden: one state for each token; needed unless clustering is off.
  /// - Throws: `SaliencyError` if the standard or judge probabilities or the states are missing or do not fit.
  public static func incorrect(
    _ probabilities: TokenProbabilities, hidden: ScoresFrame.Hidden?, constants: SaliencyConstants
  ) throws(SaliencyError) -> TokenWeights {
    guard let judge = probabilities.judge else {
      throw SaliencyError(.record, "an incorrect record without a critique: its scores have no \"logprob.judge\"")
    }
    guard let standard = probabilities.standard else {
      throw SaliencyError(.record, "no standard answer was scored: the scores frame has no \"logprob.standard\"")
    }
    let base = probabilities.base
    // Products instead of quotients: a probability may have underflowed to 0.
    let salient = judge.indices.map {
      judge[$0] > constants.ratioBase * base[$0] && judge[$0] > constants.ratioStandard * standard[$0]
        && judge[$0] > constants.floor
    }
    let classes = try classes(salient: salient, hidden: hidden, constants: constants)
    let isSuppressed = Double(salient.count { $0 }) > constants.share * Double(salient.count)
    var weights = TokenWeights(
      classes: classes, likelihood: Array(repeating: 0, count: classes.count),
      unlikelihood: Array(repeating: 0, count: classes.count))
    for index in classes.indices {
      switch classes[index] {
      case .salient:
        let excess = judge[index] / base[index] - constants.centre
        weights.unlikelihood[index] = Float(constants.unlikelihoodScale / (1 + exp(-excess)))
      case .cluster: break
      case .plain: weights.likelihood[index] = isSuppressed ? 0 : Float(pow(standard[index], constants.incorrectPower))
      }
    }
    return weights
  }

  private static func classes(
    salient: [Bool], hidden: ScoresFrame.Hidden?, constants: SaliencyConstants
  ) throws(SaliencyError) -> [TokenClass] {
    guard constants.clustering != .off else { return salient.map { $0 ? .salient : .plain } }
    guard let hidden else {
      throw SaliencyError(
        .record, "clustering needs hidden states, but the scores frame has no \"hidden.base\" (or turn clustering off)")
    }
    let (expected, overflow) = hidden.dimension.multipliedReportingOverflow(by: salient.count)
    guard hidden.dimension > 0, !overflow, hidden.values.count == expected else {
      throw SaliencyError(
        .scores,
        "\"hidden.base\" has \(hidden.values.count) values, expected \(salient.count) states of \(hidden.dimension)")
    }
    if !hidden.values.allFinite, let bad = hidden.values.firstIndex(where: { !$0.isFinite }) {
      throw SaliencyError(.scores, "\"hidden.base\" has \(hidden.values[bad]) at token \(bad / hidden.dimension)")
    }
    return TokenClusters(hidden: hidden, limit: constants.clusterLimit, isFar: constants.clustering == .far)
      .classes(salient: salient)
  }
}
