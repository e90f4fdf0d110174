import Grading
import Testing

@Suite struct StatisticsTests {
  private func isNear(_ left: Double?, _ right: Double, within tolerance: Double = 1e-12) -> Bool {
    left.map { abs($0 - right) <= tolerance * max(1, abs(right)) } ?? false
  }

  /// p by exact fractions: 2 · (1 + 12 + 66) / 4096 for 10 against 2, and so on.
  @Test(arguments: [
    (0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (10, 2, 0.03857421875), (2, 10, 0.03857421875), (3, 3, 1.0),
    (30, 55, 0.008836205876094518), (600, 500, 0.0028195449914364275), (2000, 1800, 0.0012427867782631994),
  ])
  func mcNemar(gains: Int, losses: Int, p: Double) {
    #expect(isNear(mcNemarProbability(gains: gains, losses: losses), p, within: 1e-10))
  }

  /// Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
  @Test(arguments: [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    (29, 29, 0.8830, 1.0),
  ])
  func wilson(successes: Int, count: Int, lower: Double, upper: Double) throws {
    let interval = try #require(wilsonInterval(successes: successes, count: count))
    #expect(abs(interval.lower - lower) < 5e-5 && abs(interval.upper - upper) < 5e-5)
  }

  @Test func wilsonNeedsTrials() {
    #expect(wilsonInterval(successes: 0, count: 0) == nil)
  }

  @Test(arguments: [(61, 400), (1, 2), (0, 5), (200, 1319)])
  func independentValuesHaveTheUsualError(successes: Int, count: Int) {
    let mean = ClusteredMean((0..<count).map { ("\($0)", $0 < successes ? 1 : 0) })
    let p = Double(successes) / Double(count)
    #expect(isNear(mean.mean, p))
    #expect(isNear(mean.standardError, (p * (1 - p) / Double(count - 1)).squareRoot()))
  }

  /// Two questions of three samples: mean 4/6, residual sums 3/3 and −1, so √(2/1 · (1 + 1)) / 6 = 1/3.
  @Test func samplesOfAQuestionGoTogether() {
    let mean = ClusteredMean([("a", 1), ("a", 1), ("a", 1), ("b", 1), ("b", 0), ("b", 0)])
    #expect(mean.clusters == 2 && isNear(mean.mean, 2.0 / 3))
    #expect(isNear(mean.standardError, 1.0 / 3))
  }

  @Test func fewValuesHaveNoError() {
    #expect(ClusteredMean([]).mean == nil)
    #expect(ClusteredMean([("a", 1)]).standardError == nil)
    #expect(ClusteredMean([("a", 1), ("a", 0)]).standardError == nil)
  }
}
