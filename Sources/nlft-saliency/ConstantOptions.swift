import ArgumentParser
import Saliency

extension SaliencyConstants.Clustering: ExpressibleByArgument {}
extension SaliencyConstants.SalientRule: ExpressibleByArgument {}
extension SaliencyConstants.JudgeTerm: ExpressibleByArgument {}

/// Every constant of the method. b, s and j are a token's probabilities under base, standard and judge.
///
/// Help names the presets' values; what is not given comes from the preset of --method.
struct ConstantOptions: ParsableArguments {
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
      "Multiplies every weight. (default: \(preset.factor) for nlft and nlft-reference, else \(others.factor))",
      valueName: "x"))
  var factor: Double?

  private static func powers(_ text: String) throws -> SaliencyConstants.Powers {
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard numbers.count == 3, let salient = numbers[0], let cluster = numbers[1], let plain = numbers[2] else {
      throw ValidationError("--powers needs three numbers, as 5,0.3,0.6, not \"\(text)\".")
    }
    return SaliencyConstants.Powers(salient: salient, cluster: cluster, plain: plain)
  }

  func applied(to preset: SaliencyConstants) -> SaliencyConstants {
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
    if let clustering { constants.clustering = clustering }
    if let clusterLimit { constants.clusterLimit = clusterLimit }
    if let judgeTerm { constants.judgeTerm = judgeTerm }
    if let factor { constants.factor = factor }
    return constants
  }
}
