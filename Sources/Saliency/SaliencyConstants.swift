/// Every constant and every choice of the method.
///
/// b, s and j are a response token's probabilities under the base prompt, the prompt with the standard answer and the
/// prompt with the critique.
public struct SaliencyConstants: Sendable, Equatable {
  /// Which neighbours of a salient token join its cluster.
  public enum Clustering: String, Sendable, CaseIterable {
    /// Those at a cosine distance above the limit, as published.
    case far
    /// Those at a cosine distance below the limit.
    case near
    /// None.
    case off
  }

  /// What makes a token of a correct response salient.
  public enum SalientRule: String, Sendable, CaseIterable {
    /// s > τ.
    case absolute
    /// s/b > the lift ratio: the standard answer makes the token likelier.
    case lift
  }

  /// The extra likelihood of an incorrect response under the prompt with its critique.
  public enum JudgeTerm: String, Sendable, CaseIterable {
    /// None.
    case off
    /// The response under the judge prompt, each token predicted by what precedes it.
    case aligned
    /// As published: the target of base position p read at position p of the judge sequence, which is misaligned as
    /// soon as the two prompts differ in length.
    case reference
  }

  /// The powers of the weights in a correct response.
  public struct Powers: Sendable, Equatable {
    /// Salient tokens: 1 + ((s − τ)/(1 − τ))^salient.
    public var salient: Double
    /// Clustered tokens: (s/τ)^cluster.
    public var cluster: Double
    /// The others: (s/τ)^plain.
    public var plain: Double

    /// Three powers; published are 5, 0.3 and 0.6.
    public init(salient: Double = 5, cluster: Double = 0.3, plain: Double = 0.6) {
      self.salient = salient
      self.cluster = cluster
      self.plain = plain
    }
  }

  /// τ, between 0 and 1.
  public var threshold = 0.95
  /// Powers of the weights in a correct response.
  public var powers = Powers()
  /// What makes a token of a correct response salient.
  public var salientRule = SalientRule.absolute
  /// s/b above which a token is salient under `SalientRule.lift`.
  public var liftRatio = 1.5

  /// j/b above which a token of an incorrect response may be salient.
  public var ratioBase = 1.5
  /// j/s above which a token of an incorrect response may be salient.
  public var ratioStandard = 1.5
  /// j above which a token of an incorrect response may be salient.
  public var floor = 0.01
  /// Share of salient tokens above which an incorrect response has no likelihood at all.
  public var share = 0.06
  /// The offset in the unlikelihood of salient tokens, scale · σ(j/b − centre).
  public var centre = 1.5
  /// The scale in the unlikelihood of salient tokens.
  public var unlikelihoodScale = 2.0
  /// Power of s in the likelihood of the plain tokens of an incorrect response; published is √s.
  public var incorrectPower = 0.5
  /// The extra likelihood of an incorrect response under its critique.
  public var judgeTerm = JudgeTerm.off

  /// Weight of the standard answer, the mean of −log b over its tokens, in the loss of an incorrect response: what is
  /// right to say instead. 0 leaves it out.
  public var answerTerm = 0.0
  /// The same in the loss of a correct response: another way to say it.
  public var correctAnswerTerm = 0.0

  /// Which neighbours of a salient token join its cluster.
  public var clustering = Clustering.near
  /// Cosine distance that decides about joining.
  public var clusterLimit = 0.4

  /// What every weight is multiplied by at the end.
  public var factor = 10.0

  /// `cut`: j/b above which a token of an incorrect response is suppressed.
  public var cutRatio = 1.2
  /// `cut`: the unlikelihood of such a token.
  public var cutUnlikelihood = 0.5

  private init() {}

  /// The method as we find it best (pipelines/ablation): clusters of similar tokens; no misaligned term; of an incorrect
  /// response only what the solution makes likely is reinforced; and every record teaches its standard answer too.
  public static let nlft: SaliencyConstants = {
    var constants = SaliencyConstants()
    constants.incorrectPower = 4
    constants.answerTerm = 2
    constants.correctAnswerTerm = 2
    return constants
  }()

  /// The method as its code was published.
  public static let reference: SaliencyConstants = {
    var constants = SaliencyConstants()
    constants.clustering = .far
    constants.judgeTerm = .reference
    return constants
  }()

  /// Checks every constant against its range.
  /// - Throws: `SaliencyError` of kind `constant` that names the constant.
  public func validate() throws(SaliencyError) {
    guard threshold > 0, threshold < 1 else {
      throw SaliencyError(.constant, "the threshold is \(threshold), expected a number between 0 and 1")
    }
    let others: [(name: String, value: Double)] = [
      ("power of salient tokens", powers.salient), ("power of clustered tokens", powers.cluster),
      ("power of plain tokens", powers.plain), ("lift ratio", liftRatio), ("ratio to the base", ratioBase),
      ("ratio to the standard", ratioStandard), ("floor", floor), ("share", share),
      ("unlikelihood scale", unlikelihoodScale), ("power in incorrect responses", incorrectPower),
      ("answer term", answerTerm),
      ("answer term of correct responses", correctAnswerTerm), ("cluster limit", clusterLimit), ("cut ratio", cutRatio),
      ("cut unlikelihood", cutUnlikelihood),
    ]
    for (name, value) in others where !(value >= 0 && value.isFinite) {
      throw SaliencyError(.constant, "the \(name) is \(value), expected a finite number that is not negative")
    }
    guard centre.isFinite else { throw SaliencyError(.constant, "the centre is \(centre), expected a finite number") }
    guard factor > 0, factor.isFinite else {
      throw SaliencyError(.constant, "the factor is \(factor), expected a finite number above 0")
    }
  }
}
