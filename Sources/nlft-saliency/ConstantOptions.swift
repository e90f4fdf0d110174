import ArgumentParser
import Saliency

extension SaliencyConstants.Clustering: ExpressibleByArgument {}
extension SaliencyConstants.SalientRule: ExpressibleByArgument {}
extension SaliencyConstants.JudgeTerm: ExpressibleByArgument {}

/// Every constant of the method. b, s and j are a token's probabilities under base, standard and judge.
struct ConstantOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A token of a correct response is salient when s is above this.", valueName: "tau"))
  var threshold: Double?
  @Option(
    help: ArgumentHelp("What makes it salient: absolute, s > threshold; lift, s/b > --lift-ratio.", valueName: "rule"))
  var salient: SaliencyConstants.SalientRule?
  @Option(help: ArgumentHelp("See --salient.", valueName: "ratio"))
  var liftRatio: Double?
  @Option(
    help: ArgumentHelp("Powers of the weights of salient, clustered and plain tokens.", valueName: "a,b,c"),
    transform: Self.powers)
  var powers: SaliencyConstants.Powers?
  @Option(help: ArgumentHelp("A token of an incorrect response is salient when j/b is above this…", valueName: "ratio"))
  var ratioBase: Double?
  @Option(help: ArgumentHelp("…and j/s above this…", valueName: "ratio"))
  var ratioStandard: Double?
  @Option(help: ArgumentHelp("…and j above this.", valueName: "probability"))
  var floor: Double?
  @Option(
    help: ArgumentHelp("An incorrect response with more salient tokens than this has no likelihood.", valueName: "share"))
  var share: Double?
  @Option(help: ArgumentHelp("Offset of the unlikelihood, 2σ(j/b − centre).", valueName: "x"))
  var centre: Double?
  @Option(help: ArgumentHelp("Which neighbours of a salient token join its cluster: near, far or off.", valueName: "rule"))
  var clustering: SaliencyConstants.Clustering?
  @Option(help: ArgumentHelp("Cosine distance that decides about joining.", valueName: "distance"))
  var clusterLimit: Double?
  @Option(help: ArgumentHelp("Extra likelihood under the critique: off, aligned or reference.", valueName: "term"))
  var judgeTerm: SaliencyConstants.JudgeTerm?
  @Option(help: ArgumentHelp("Multiplies every weight.", valueName: "x"))
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
