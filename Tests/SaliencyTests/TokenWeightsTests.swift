import Saliency
import SaliencyCases
import Tensors
import Testing

@Suite struct TokenWeightsTests {
  static func constants(_ change: (inout SaliencyConstants) -> Void) -> SaliencyConstants {
    var constants = SaliencyConstants.reference
    constants.clustering = .off
    change(&constants)
    return constants
  }

  /// Worked by hand: (0.97 − 0.95)/0.05 = 0.4, 0.4⁵ = 0.01024; (0.475/0.95)^0.6 = 0.5^0.6 = 0.6597540.
  @Test func aCorrectResponseByHand() throws {
    let probabilities = TokenProbabilities(base: [0.9, 0.4, 0.2], standard: [0.97, 0.475, 0.95])
    let weights = try TokenWeights.correct(probabilities, hidden: nil, constants: Self.constants { _ in })
    #expect(weights.classes == [.salient, .plain, .plain], "0.95 is not above 0.95")
    #expect(relativeDifference(weights.likelihood, [1.01024, 0.6597540, 1]) < 1e-6)
  }

  /// Worked by hand: j/b = 2, 2σ(0.5) = 1.2449187; √0.25 = 0.5.
  @Test func anIncorrectResponseByHand() throws {
    let probabilities = TokenProbabilities(base: [0.4, 0.3], standard: [0.5, 0.25], judge: [0.8, 0.3])
    let suppressed = try TokenWeights.incorrect(probabilities, hidden: nil, constants: Self.constants { _ in })
    #expect(suppressed.classes == [.salient, .plain] && suppressed.likelihood == [0, 0])
    #expect(relativeDifference(suppressed.unlikelihood, [1.2449187, 0]) < 1e-6)
    let shared = try TokenWeights.incorrect(
      probabilities, hidden: nil, constants: Self.constants { $0.share = 0.5 })
    #expect(shared.likelihood == [0, 0.5], "a half is not more than a half")
  }

  @Test(arguments: [
    (0.5, 0.5, 0.74, false), (0.5, 0.5, 0.76, true), (0.5, 0.51, 0.76, false), (0.001, 0.001, 0.0099, false),
    (0.001, 0.001, 0.0101, true), (0, 0, 0.5, true), (0, 0, 0, false),
  ])
  func whatIsSalientInAnIncorrectResponse(base: Double, standard: Double, judge: Double, isSalient: Bool) throws {
    let weights = try TokenWeights.incorrect(
      TokenProbabilities(base: [base], standard: [standard], judge: [judge]), hidden: nil,
      constants: Self.constants { _ in })
    #expect(weights.classes == [isSalient ? .salient : .plain])
    #expect(weights.unlikelihood[0].isFinite)
  }

  @Test func everyConstantCounts() throws {
    let probabilities = TokenProbabilities(
      base: [0.5, 0.6, 0.3], standard: [0.97, 0.5, 0.2], judge: [0.5, 0.99, 0.35])
    let hidden = ScoresFrame.Hidden(values: [1, 0, 1, 0.1, 0.5, 0.5], dimension: 2)
    func weigh(_ change: (inout SaliencyConstants) -> Void) throws -> [TokenWeights] {
      var constants = SaliencyConstants.nlft
      constants.share = 0.5
      change(&constants)
      return [
        try .correct(probabilities, hidden: hidden, constants: constants),
        try .incorrect(probabilities, hidden: hidden, constants: constants),
      ]
    }
    let changes: [(inout SaliencyConstants) -> Void] = [
      { $0.threshold = 0.96 }, { $0.powers.salient = 4 }, { $0.powers.cluster = 0.4 }, { $0.powers.plain = 0.7 },
      { $0.salientRule = .lift }, { $0.ratioBase = 1.7 }, { $0.ratioStandard = 2 }, { $0.floor = 0.995 },
      { $0.share = 0 }, { $0.centre = 1 }, { $0.unlikelihoodScale = 3 }, { $0.incorrectPower = 1 },
      { $0.clustering = .far }, { $0.clustering = .off }, { $0.clusterLimit = 0.001 },
    ]
    // Three tokens: salient, clustered and plain, so that every power is in use.
    #expect(try weigh { $0.clusterLimit = 0.1 }[0].classes == [.salient, .cluster, .plain])
    for (number, change) in changes.enumerated() {
      let before = try weigh { $0.clusterLimit = 0.1 }
      let after = try weigh {
        $0.clusterLimit = 0.1
        if number == 4 { $0.liftRatio = 5 }
        change(&$0)
      }
      #expect(before != after, "constant \(number)")
    }
  }

  /// Under the lift rule a token below τ may be salient; its weight is 1, never negative.
  @Test func salientByLift() throws {
    let probabilities = TokenProbabilities(base: [0.1, 0.9, 0.97], standard: [0.2, 0.97, 0.99])
    let weights = try TokenWeights.correct(
      probabilities, hidden: nil, constants: Self.constants { $0.salientRule = .lift })
    #expect(weights.classes == [.salient, .plain, .plain])
    #expect(weights.likelihood[0] == 1)
    #expect(relativeDifference(weights.likelihood, [1, 1.0125789, 1.0250545]) < 1e-6)
  }

  @Test func walksAndTheirCentres() throws {
    func classes(_ states: [[Float]], _ salient: [Bool], limit: Double = 0.4, isFar: Bool = false) throws -> [UInt8] {
      let probabilities = TokenProbabilities(
        base: salient.map { _ in 0.5 }, standard: salient.map { $0 ? 0.99 : 0.5 })
      let constants = Self.constants {
        $0.clustering = isFar ? .far : .near
        $0.clusterLimit = limit
      }
      return try TokenWeights.correct(
        probabilities, hidden: ScoresFrame.Hidden(values: states.flatMap { $0 }, dimension: 2), constants: constants
      ).classes.map(\.rawValue)
    }
    let x: [Float] = [1, 0]
    let y: [Float] = [0, 1]
    #expect(
      try classes([x, x, y, x], [false, true, false, false]) == [1, 2, 0, 0], "the walk ends at the first that fails")
    #expect(try classes([x, x, y, y], [true, false, false, true]) == [2, 1, 1, 2], "two clusters meet")
    #expect(
      try classes([y, x, y, y], [false, true, false, false], isFar: true) == [1, 2, 0, 0], "the left moved the centre")
    #expect(try classes([x, x, x], [true, true, false]) == [2, 2, 1], "over a salient token")
    #expect(try classes([[0, 0], x, [0, 0]], [false, true, false]) == [0, 2, 0], "no direction, no joining")
    #expect(try classes([[0, 0], x, [0, 0]], [false, true, false], isFar: true) == [0, 2, 0])
    #expect(try classes([x, x], [false, false]) == [0, 0])
    // x, then 36.9° and 53.1° join: the centre lies at 36.3°, and a distance of 0.4 (53.1°) further is at 89.4°.
    let fan: [[Float]] = [x, [0.8, 0.6], [0.6, 0.8]]
    #expect(try classes(fan + [[0.07, 1]], [true, false, false, false]) == [2, 1, 1, 1], "86.0°")
    #expect(try classes(fan + [[-0.02, 1]], [true, false, false, false]) == [2, 1, 1, 0], "91.1°")
    #expect(try classes([[-0.02, 1]] + fan.reversed(), [false, false, false, true]) == [0, 1, 1, 2])
  }

  @Test func probabilitiesOfAFrame() throws {
    let origin = FrameOrigin()
    let scores = ScoresFrame(
      origin: origin, tokens: [1, 2], base: [0, -0.6931472], standard: [5e-6, -1000], judge: nil)
    let probabilities = try TokenProbabilities(scores)
    #expect(probabilities.base[0] == 1 && abs(probabilities.base[1] - 0.5) < 1e-7)
    #expect(probabilities.standard == [1, 0] && probabilities.judge == nil)
    for bad: Float in [.nan, -.infinity, .infinity, 0.5] {
      var wrong = scores
      wrong.judge = [-1, bad]
      #expect(
        throws: SaliencyError(
          .scores, "\"logprob.judge\" has \(bad) at token 1, expected a finite number of at most 0")
      ) { try TokenProbabilities(wrong) }
    }
    #expect(throws: SaliencyError(.scores, "the scores frame has no \"logprob.base\"")) {
      try TokenProbabilities(ScoresFrame(origin: origin, tokens: [1], base: nil))
    }
    #expect(throws: SaliencyError(.scores, "\"logprob.base\" has 1 elements for 2 response tokens")) {
      try TokenProbabilities(ScoresFrame(origin: origin, tokens: [1, 2], base: [-1]))
    }
  }
}
