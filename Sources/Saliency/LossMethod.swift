/// How a scored record becomes a loss; raw values are the names on the command line.
public enum LossMethod: String, Sendable, CaseIterable {
  /// Supervised fine-tuning: −log b of the standard answer.
  case sft
  /// −log b of the model's own output, correct or not.
  case distill
  /// `distill` on correct outputs; incorrect records are left out.
  case distillCorrect = "distill-correct"
  /// `distill` on correct outputs, `sft` where the output is incorrect.
  case distillCleaned = "distill-cleaned"
  /// `distill`, but tokens of an incorrect output with j/b > 1.2 get the unlikelihood 0.5 instead.
  case cut
  /// −b log b of the model's own output.
  case dft
  /// Natural Language Fine-Tuning as its code was published.
  case nlftReference = "nlft-reference"
  /// Natural Language Fine-Tuning.
  case nlft

  /// Whether the method reads the scores of a record.
  public var needsScores: Bool {
    switch self {
    case .sft, .distill, .distillCorrect, .distillCleaned: false
    case .cut, .dft, .nlftReference, .nlft: true
    }
  }

  /// The constants to start from. The factor is 10 for the two NLFT methods, as published, and 1 (a plain mean over
  /// the response) for the others.
  public var preset: SaliencyConstants {
    switch self {
    case .nlftReference: return .reference
    case .nlft: return .nlft
    case .sft, .distill, .distillCorrect, .distillCleaned, .cut, .dft:
      var constants = SaliencyConstants.nlft
      constants.factor = 1
      return constants
    }
  }
}
