extension SaliencyConstants {
  /// The constants that a method reads, as options of nlft-saliency with their values.
  public func options(of method: LossMethod) -> [(option: String, value: String)] {
    var options: [(String, String)] = []
    switch method {
    case .nlft, .nlftReference:
      options = [
        ("threshold", "\(threshold)"), ("salient", salientRule.rawValue), ("lift-ratio", "\(liftRatio)"),
        ("powers", "\(powers.salient),\(powers.cluster),\(powers.plain)"), ("ratio-base", "\(ratioBase)"),
        ("ratio-standard", "\(ratioStandard)"), ("floor", "\(floor)"), ("share", "\(share)"), ("centre", "\(centre)"),
        ("unlikelihood-scale", "\(unlikelihoodScale)"), ("incorrect-power", "\(incorrectPower)"),
        ("clustering", clustering.rawValue), ("cluster-limit", "\(clusterLimit)"), ("judge-term", judgeTerm.rawValue),
        ("answer-term", "\(answerTerm)"), ("correct-answer-term", "\(correctAnswerTerm)"),
      ]
    case .cut: options = [("cut-ratio", "\(cutRatio)"), ("cut-unlikelihood", "\(cutUnlikelihood)")]
    case .sft, .distill, .distillCorrect, .distillCleaned, .dft: break
    }
    return options + [("factor", "\(factor)")]
  }
}

extension LossBuilder {
  /// The method and everything it reads, as options of nlft-saliency: what makes the same weights again.
  public var settings: String {
    var words = ["--method", method.rawValue]
    for (option, value) in constants.options(of: method) { words += ["--" + option, value] }
    if let shuffling { words += ["--shuffle-weights", "\(shuffling)"] }
    return words.joined(separator: " ")
  }
}
