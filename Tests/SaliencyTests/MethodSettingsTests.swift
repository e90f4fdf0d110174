import Saliency
import Testing

@Suite struct MethodSettingsTests {
  @Test func methodsNameWhatTheyRead() throws {
    #expect(try LossBuilder(method: .sft).settings == "--method sft --factor 1.0")
    #expect(try LossBuilder(method: .distillCleaned).settings == "--method distill-cleaned --factor 1.0")
    #expect(
      try LossBuilder(method: .cut).settings == "--method cut --cut-ratio 1.2 --cut-unlikelihood 0.5 --factor 1.0")
    #expect(
      try LossBuilder(method: .nlftReference).settings == """
        --method nlft-reference --threshold 0.95 --salient absolute --lift-ratio 1.5 --powers 5.0,0.3,0.6 \
        --ratio-base 1.5 --ratio-standard 1.5 --floor 0.01 --share 0.06 --centre 1.5 --unlikelihood-scale 2.0 \
        --incorrect-power 0.5 --clustering far --cluster-limit 0.4 --judge-term reference --answer-term 0.0 \
        --correct-answer-term 0.0 --factor 10.0
        """)
  }

  /// Every constant that changes a method's weights is among its settings.
  @Test func noConstantIsLeftOut() throws {
    let changes: [(inout SaliencyConstants) -> Void] = [
      { $0.threshold = 0.9 }, { $0.powers.salient = 1 }, { $0.powers.cluster = 1 }, { $0.powers.plain = 1 },
      { $0.salientRule = .lift }, { $0.liftRatio = 2 }, { $0.ratioBase = 2 }, { $0.ratioStandard = 2 },
      { $0.floor = 0.1 }, { $0.share = 0.5 }, { $0.centre = 1 }, { $0.unlikelihoodScale = 3 },
      { $0.incorrectPower = 2 }, { $0.judgeTerm = .aligned }, { $0.answerTerm = 3 }, { $0.correctAnswerTerm = 3 },
      { $0.clustering = .off },
      { $0.clusterLimit = 0.2 }, { $0.factor = 3 },
    ]
    let preset = try LossBuilder(method: .nlft).settings
    for (index, change) in changes.enumerated() {
      var constants = SaliencyConstants.nlft
      change(&constants)
      #expect(try LossBuilder(method: .nlft, constants: constants).settings != preset, "change \(index)")
    }
  }
}
