import ArgumentParser
import Saliency

extension LossMethod: ExpressibleByArgument {}
extension SaliencyConstants.Clustering: ExpressibleByArgument {}
extension SaliencyConstants.SalientRule: ExpressibleByArgument {}
extension SaliencyConstants.JudgeTerm: ExpressibleByArgument {}

/// Every constant of the methods, and what else decides the weights. b, s and j are a token's probabilities under base,
/// standard and judge.
///
/// Help names the presets' values; what is not given comes from the method's preset.
public struct ConstantOptions: ParsableArguments {
  private static let preset = SaliencyConstants.nlft
  private static let reference = SaliencyConstants.reference
  private static let others = LossMethod.distill.preset

  @Option(
    help: ArgumentHelp(
      "A token of a correct response is salient when s is above this. (default: \(preset.threshold))", valueName: "tau")
  )
  var threshold: Double?
  @Option(
    help: ArgumentHelp(
      "What makes it salient: absolute, s > threshold; lift, s/b > --lift-ratio. (default: \(preset.salientRule.rawValue))",
      valueName: "rule"))
  var salient: SaliencyConstants.SalientRule?
  @Option(help: ArgumentHelp("See --salient. (default: \(preset.liftRatio))", valueName: "ratio"))
  var liftRatio: Double?
  @Option(
    help: ArgumentHelp(
      "Powers of the weights of salient, clustered and plain tokens. (default: \(preset.powers.salient),\(preset.powers.cluster),\(preset.powers.plain))",
      valueName: "a,b,c"),
    transform: Self.powers)
  var powers: SaliencyConstants.Powers?
  @Option(
    help: ArgumentHelp(
      "A token of an incorrect response is salient when j/b is above this… (default: \(preset.ratioBase))",
      valueName: "ratio"))
  var ratioBase: Double?
  @Option(help: ArgumentHelp("…and j/s above this… (default: \(preset.ratioStandard))", valueName: "ratio"))
  var ratioStandard: Double?
  @Option(help: ArgumentHelp("…and j above this. (default: \(preset.floor))", valueName: "probability"))
  var floor: Double?
  @Option(
    help: ArgumentHelp(
      "An incorrect response with a larger share of salient tokens than this has no likelihood. (default: \(preset.share))",
      valueName: "share"))
  var share: Double?
  @Option(
    help: ArgumentHelp("Offset of the unlikelihood, 2σ(j/b − centre). (default: \(preset.centre))", valueName: "x"))
  var centre: Double?
  @Option(help: ArgumentHelp("Scale of the unlikelihood. (default: \(preset.unlikelihoodScale))", valueName: "x"))
  var unlikelihoodScale: Double?
  @Option(
    help: ArgumentHelp(
      "Power of s in the likelihood of an incorrect response's plain tokens. (default: \(preset.incorrectPower))",
      valueName: "x"))
  var incorrectPower: Double?
  @Option(
    help: ArgumentHelp(
      "Which neighbours of a salient token join its cluster. (default: \(preset.clustering.rawValue); nlft-reference: \(reference.clustering.rawValue))",
      valueName: "rule"))
  var clustering: SaliencyConstants.Clustering?
  @Option(
    help: ArgumentHelp(
      "Cosine distance that decides about joining. (default: \(preset.clusterLimit))", valueName: "distance"))
  var clusterLimit: Double?
  @Option(
    help: ArgumentHelp(
      "Extra likelihood of an incorrect response under its critique. (default: \(preset.judgeTerm.rawValue); nlft-reference: \(reference.judgeTerm.rawValue))",
      valueName: "term"))
  var judgeTerm: SaliencyConstants.JudgeTerm?
  @Option(
    help: ArgumentHelp(
      "Weight of the standard answer (tokens.answer) in the loss of an incorrect response; 0 leaves it out. (default: \(preset.answerTerm); nlft-reference: \(reference.answerTerm))",
      valueName: "x"))
  var answerTerm: Double?
  @Option(
    help: ArgumentHelp(
      "The same in the loss of a correct response. (default: \(preset.correctAnswerTerm); nlft-reference: \(reference.correctAnswerTerm))",
      valueName: "x"))
  var correctAnswerTerm: Double?
  @Option(
    help: ArgumentHelp(
      "cut: a token of an incorrect response is suppressed when j/b is above this. (default: \(preset.cutRatio))",
      valueName: "ratio"))
  var cutRatio: Double?
  @Option(
    help: ArgumentHelp("cut: the unlikelihood of such a token. (default: \(preset.cutUnlikelihood))", valueName: "x"))
  var cutUnlikelihood: Double?
  @Option(
    help: ArgumentHelp(
      "Multiplies every weight. (default: \(preset.factor) for nlft and nlft-reference, else \(others.factor))",
      valueName: "x"))
  var factor: Double?
  @Option(
    help: ArgumentHelp(
      "Put each response's weights at random places of it: a control that shows whether it matters where they sit.",
      valueName: "seed"))
  var shuffleWeights: UInt64?

  /// Options with their default values.
  public init() {}

  private static func powers(_ text: String) throws -> SaliencyConstants.Powers {
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard numbers.count == 3, let salient = numbers[0], let cluster = numbers[1], let plain = numbers[2] else {
      throw ValidationError("--powers needs three numbers, as 5,0.3,0.6, not \"\(text)\".")
    }
    return SaliencyConstants.Powers(salient: salient, cluster: cluster, plain: plain)
  }

  /// What turns scored records into losses by `method` with these constants.
  /// - Throws: `ValidationError` if a constant is outside its range.
  public func builder(_ method: LossMethod) throws -> LossBuilder {
    do {
      return try LossBuilder(method: method, constants: applied(to: method.preset), shuffling: shuffleWeights)
    } catch { throw ValidationError("\(error).") }
  }

  /// The first of the options that is given, by its name; nil if none is.
  public var firstGiven: String? {
    let options: [(name: String, isGiven: Bool)] = [
      ("--threshold", threshold != nil), ("--salient", salient != nil), ("--lift-ratio", liftRatio != nil),
      ("--powers", powers != nil), ("--ratio-base", ratioBase != nil), ("--ratio-standard", ratioStandard != nil),
      ("--floor", floor != nil), ("--share", share != nil), ("--centre", centre != nil),
      ("--unlikelihood-scale", unlikelihoodScale != nil), ("--incorrect-power", incorrectPower != nil),
      ("--clustering", clustering != nil), ("--cluster-limit", clusterLimit != nil), ("--judge-term", judgeTerm != nil),
      ("--answer-term", answerTerm != nil), ("--correct-answer-term", correctAnswerTerm != nil),
      ("--cut-ratio", cutRatio != nil), ("--cut-unlikelihood", cutUnlikelihood != nil), ("--factor", factor != nil),
      ("--shuffle-weights", shuffleWeights != nil),
    ]
    return options.first { $0.isGiven }?.name
  }

  private func applied(to preset: SaliencyConstants) -> SaliencyConstants {
    var constants = preset
    if let threshold { constants.threshold = threshold }
    if let salient { constants.salientRule = salient }
    if let liftRatio { constants.liftRatio = liftRatio }
    if let powers { constants.powers = powers }
    if let ratioBase { constants.ratioBase = ratioBase }
    if let ratioStandard { constants.ratioStandard = ratioStandard }
    if let floor { constants.floor = floor }
    if let share { constants.share = share }
    if let centre { constants.centre = centre }
    if let unlikelihoodScale { constants.unlikelihoodScale = unlikelihoodScale }
    if let incorrectPower { constants.incorrectPower = incorrectPower }
    if let clustering { constants.clustering = clustering }
    if let clusterLimit { constants.clusterLimit = clusterLimit }
    if let judgeTerm { constants.judgeTerm = judgeTerm }
    if let answerTerm { constants.answerTerm = answerTerm }
    if let correctAnswerTerm { constants.correctAnswerTerm = correctAnswerTerm }
    if let cutRatio { constants.cutRatio = cutRatio }
    if let cutUnlikelihood { constants.cutUnlikelihood = cutUnlikelihood }
    if let factor { constants.factor = factor }
    return constants
  }
}
