import GoldenData
import Saliency
import SaliencyCases
import Tensors
import Testing

@Suite(.enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)))
struct GoldenSaliencyTests {
  @Test func correctResponses() throws {
    let cases = try SaliencyCase.all()
    #expect(cases.count == 40)
    for (number, golden) in cases.enumerated() {
      let weights = try TokenWeights.correct(golden.probabilities, hidden: golden.hidden, constants: .reference)
      #expect(weights.classes == golden.correct.classes, "case \(number)")
      #expect(relativeDifference(weights.likelihood, golden.correct.likelihood) < 1e-5, "case \(number)")
      #expect(weights.unlikelihood.allSatisfy { $0 == 0 })
    }
  }

  @Test func incorrectResponses() throws {
    for (number, golden) in try SaliencyCase.all().enumerated() {
      let weights = try TokenWeights.incorrect(golden.probabilities, hidden: golden.hidden, constants: .reference)
      #expect(weights.classes == golden.incorrect.classes, "case \(number)")
      #expect(relativeDifference(weights.likelihood, golden.incorrect.likelihood) < 1e-5, "case \(number)")
      #expect(relativeDifference(weights.unlikelihood, golden.incorrect.unlikelihood) < 1e-5, "case \(number)")
    }
  }

  /// The cases must tell the two directions of clustering apart, or they would not test it.
  @Test func theOtherClusteringIsAnother() throws {
    let cases = try SaliencyCase.all()
    let differing = try cases.count {
      try TokenWeights.correct($0.probabilities, hidden: $0.hidden, constants: .nlft).classes != $0.correct.classes
    }
    #expect(differing > 20)
    #expect(cases.contains { $0.correct.classes.contains(.cluster) })
    #expect(cases.contains { $0.incorrect.classes.contains(.cluster) })
  }

  /// The whole loss against §6 evaluated in double precision with the reference's classes and weights: for any model
  /// (here an arbitrary function of prefix and target) the frame's sum is the formula.
  @Test(arguments: SaliencyConstants.JudgeTerm.allCases)
  func lossIsTheFormula(judgeTerm: SaliencyConstants.JudgeTerm) throws {
    var constants = SaliencyConstants.reference
    constants.judgeTerm = judgeTerm
    let builder = try LossBuilder(method: .nlftReference, constants: constants)
    for (number, golden) in try SaliencyCase.all().enumerated() {
      let count = golden.count
      let response = (0..<count).map { Int32(100 + $0 * 7 % 50) }
      let model = StubModel(
        basePrompt: (0..<Int32(4 + number)).map { $0 }, judgePrompt: (0..<Int32(30)).map { $0 + 40 },
        response: response, base: golden.probabilities.base)
      var record = ScoredRecord(
        id: "\(number)", isIncorrect: false, basePrompt: model.basePrompt, response: response,
        judgePrompt: model.judgePrompt, scores: golden.scores(tokens: response))

      let base = golden.probabilities.base
      let mean = { (terms: [Double]) in terms.reduce(0, +) / Double(count) }
      let correct =
        10
        * (mean(base.map { -logarithm($0) })
          + mean((0..<count).map { -golden.correct.likelihood[$0] * logarithm(base[$0]) }))
      let found = model.loss(try builder.loss(for: record))
      #expect(abs(found - correct) < 1e-5 * correct, "case \(number)")

      record.isIncorrect = true
      let likelihood = mean((0..<count).map { -golden.incorrect.likelihood[$0] * logarithm(base[$0]) })
      let unlikelihood = mean((0..<count).map { -golden.incorrect.unlikelihood[$0] * logarithm(1 - base[$0]) })
      let incorrect = 10 * (model.judgeTerm(judgeTerm) + likelihood + unlikelihood)
      let foundIncorrect = model.loss(try builder.loss(for: record))
      #expect(abs(foundIncorrect - incorrect) < 1e-5 * incorrect, "case \(number), \(judgeTerm)")
    }
  }
}
