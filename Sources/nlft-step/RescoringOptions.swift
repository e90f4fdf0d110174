import ArgumentParser
import Judging
import Saliency
import ToolSupport
import Training
import Transformer

/// Losses made anew before each step, in place of those that the records name.
struct RescoringOptions: ParsableArguments {
  /// How states are rounded between scoring and weighing.
  enum StateType: String, CaseIterable, ExpressibleByArgument {
    case f32
    case f16

    var kept: ResponseScorer.HiddenStates { self == .f32 ? .f32 : .f16 }
  }

  @Option(
    help: ArgumentHelp(
      "Score the batch's records with the adapter as it is before each step, and weigh their tokens by this method of nlft-saliency.",
      valueName: "method"))
  var rescore: LossMethod?
  @Option(
    help: ArgumentHelp(
      "Rounding of the states that clustering reads, as nlft-judge has it. (default: f16)", valueName: "type"))
  var hidden: StateType?
  @Flag(help: "Take the scores from the pass that is differentiated, with its dropout, as the published code does.")
  var singlePass = false
  @OptionGroup var constants: ConstantOptions

  func validate() throws {
    if let rescore {
      _ = try constants.builder(rescore)
    } else if let option = hidden != nil ? "--hidden" : singlePass ? "--single-pass" : constants.firstGiven {
      throw ValidationError("\(option) goes with --rescore, which is not given.")
    }
  }

  /// An empty set of records for the chosen method; nil without --rescore.
  ///
  /// Without dropout the scores of the pass that is differentiated are those of a pass before it, so that it is spared.
  func records(model: TransformerModel) throws -> LiveRecords? {
    try rescore.map { method in
      LiveRecords(
        model: model, builder: try constants.builder(method), hidden: (hidden ?? .f16).kept,
        singlePass: singlePass || model.adapter?.configuration.dropout == 0)
    }
  }
}
