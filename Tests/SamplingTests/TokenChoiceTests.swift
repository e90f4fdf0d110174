import Kernels
import Sampling
import Testing
import TinyModels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct TokenChoiceTests {
  private func choose(_ choice: TokenChoice, _ logits: [Float], _ uniform: Double) -> Int32 {
    logits.withUnsafeBufferPointer { choice.choose($0, uniform: uniform) }
  }

  /// The tokens that a rule leaves, with their probabilities, by a full sort; of equals the smaller number first.
  private func kept(_ choice: TokenChoice, _ logits: [Float]) -> [(token: Int, probability: Double)] {
    let largest = Double(logits.max() ?? 0)
    let weights = logits.map { exp((Double($0) - largest) / choice.temperature) }
    var left = weights.indices.map { (token: $0, probability: weights[$0]) }
    if choice.topK > 0 || choice.topP < 1 {
      left.sort { $0.probability != $1.probability ? $0.probability > $1.probability : $0.token < $1.token }
    }
    if choice.topK > 0 { left = Array(left.prefix(choice.topK)) }
    if choice.topP < 1 {
      let total = left.reduce(0) { $0 + $1.probability }
      var sum = 0.0
      let count = left.firstIndex { candidate in
        sum += candidate.probability
        return sum >= choice.topP * total
      }
      left = Array(left.prefix((count ?? left.count - 1) + 1))
    }
    let total = left.reduce(0) { $0 + $1.probability }
    return left.map { ($0.token, $0.probability / total) }
  }

  /// In the middle of each kept token's share of [0, 1) that token is chosen, and the shares leave room for no other.
  private func expectShares(_ choice: TokenChoice, _ logits: [Float], sourceLocation: SourceLocation = #_sourceLocation)
  {
    let expected = kept(choice, logits)
    var start = 0.0
    let apart = max(1, expected.count / 50)
    for (place, (token, probability)) in expected.enumerated() {
      // Of long lists some and the last ones; shares too narrow for rounding are passed over.
      if probability > 1e-12, place % apart == 0 || place > expected.count - 5 {
        #expect(
          choose(choice, logits, start + probability / 2) == Int32(token), "\(choice)", sourceLocation: sourceLocation)
      }
      start += probability
    }
    #expect(choose(choice, logits, 0) == expected.first { $0.probability > 0 }.map { Int32($0.token) })
    let last = choose(choice, logits, 1 - 0x1p-53)
    #expect(expected.contains { Int32($0.token) == last }, "\(choice)", sourceLocation: sourceLocation)
  }

  @Test func greedyTakesTheFirstOfTheLargest() {
    let logits: [Float] = [0.5, 2, -1, 2, 1.999_999_9, 2]
    for choice in [TokenChoice(temperature: 0), TokenChoice(temperature: 0.7, topK: 1)] {
      for uniform in [0, 0.5, 0.999] { #expect(choose(choice, logits, uniform) == 1) }
    }
    #expect(choose(TokenChoice(temperature: 0), [-.infinity, -3, -.infinity], 0.9) == 1)
    #expect(choose(TokenChoice(temperature: 0), [-5], 0.9) == 0)
  }

  @Test(arguments: [0.2, 1, 3]) func withoutLimitsEveryTokenHasItsShare(_ temperature: Double) {
    var generator = SplitMix64(seed: 1)
    for count in [1, 2, 17, 300] {
      expectShares(TokenChoice(temperature: temperature), generator.normals(count, scale: 3))
    }
  }

  @Test(arguments: [1, 2, 5, 40, 299, 300, 1000], [0.5, 1])
  func topKAgreesWithAFullSort(_ topK: Int, _ temperature: Double) {
    var generator = SplitMix64(seed: 2)
    let choice = TokenChoice(temperature: temperature, topK: topK)
    if topK > 1 { expectShares(choice, generator.normals(300, scale: 3)) }
    // Logits so far apart that the k-th is among the negligible.
    expectShares(TokenChoice(temperature: temperature, topK: 3), [0, 60, 55, -200, -210, -190])
  }

  /// Flat to peaked, so that the nucleus has one token or almost all; the tail that is not sorted must not matter.
  @Test(arguments: [0, 0.1, 0.5, 0.9, 0.95, 0.999, 0.999_999, 0.999_999_99], [Float(0), 0.01, 1, 4, 12])
  func topPAgreesWithAFullSort(_ topP: Double, _ scale: Float) {
    var generator = SplitMix64(seed: 3)
    let logits = generator.normals(5000, scale: scale)
    expectShares(TokenChoice(temperature: 1, topP: topP), logits)
    expectShares(TokenChoice(temperature: 0.6, topP: topP, topK: 50), logits)
  }

  @Test func equalTokensAreKeptBySmallestNumber() {
    let logits: [Float] = [1, 3, 3, 1, 3, 3]
    #expect(kept(TokenChoice(temperature: 1, topK: 2), logits).map(\.token) == [1, 2])
    expectShares(TokenChoice(temperature: 1, topK: 2), logits)
    expectShares(TokenChoice(temperature: 1, topP: 0.4), logits)
  }

  @Test func topKThenTopP() {
    // Probabilities 0.4, 0.3, 0.2, 0.1: of the first three 0.4 / 0.9 and 0.3 / 0.9 together reach 0.75.
    let logits = [0.3, 0.1, 0.4, 0.2].map { Float(log($0)) }
    let choice = TokenChoice(temperature: 1, topP: 0.75, topK: 3)
    #expect(
      choose(choice, logits, 0.56) == 2 && choose(choice, logits, 0.58) == 0 && choose(choice, logits, 0.9999) == 0)
  }

  /// χ² of 40 000 draws from 8 tokens: 7 degrees of freedom, beyond 30 once in ten thousand.
  @Test(arguments: [0.5, 1, 2], [0, 5]) func frequenciesFollowTheTemperature(_ temperature: Double, _ topK: Int) {
    let logits: [Float] = [0.3, -1, 1.2, 0, 2, -0.5, 0.9, 1.5]
    let choice = TokenChoice(temperature: temperature, topK: topK)
    var generator = SplitMix64(seed: 4)
    var counts = [Double](repeating: 0, count: 8)
    for _ in 0..<40_000 { counts[Int(choose(choice, logits, generator.unit()))] += 1 }
    let expected = kept(choice, logits)
    let statistic = expected.reduce(0.0) { sum, share in
      let mean = 40_000 * share.probability
      return sum + (counts[share.token] - mean) * (counts[share.token] - mean) / mean
    }
    #expect(statistic < 30)
    #expect(expected.reduce(0) { $0 + counts[$1.token] } == 40_000, "no other token is drawn")
  }

  @Test func extremesGiveATokenOfTheVocabulary() {
    let cases: [[Float]] = [
      [.nan, 1, 2], [.nan, .nan], [.infinity, 1], [-.infinity, -.infinity, 0], [3e38, -3e38, 0], [0x1p-149, 0],
    ]
    for logits in cases {
      for choice in [
        TokenChoice(temperature: 1), TokenChoice(temperature: 1e-300, topP: 0.5),
        TokenChoice(temperature: 1e300, topK: 2), TokenChoice(temperature: 0.7, topP: 0.9, topK: 2),
      ] {
        for uniform in [0, 0.5, 1 - 0x1p-53] {
          let token = choose(choice, logits, uniform)
          #expect(logits.indices.contains(Int(token)), "\(logits) \(choice)")
        }
      }
    }
    #expect(choose(TokenChoice(temperature: 1), [-.infinity, -.infinity, 0], 0.7) == 2)
    #expect(choose(TokenChoice(temperature: 1e-300), [1, 1.000_001, 0], 0.99) == 1)
  }
}
