import Saliency
import Tensors
import Testing

/// Clusters against the walk as §6 of the design tells it, in double precision and one element at a time.
@Suite struct TokenClustersTests {
  private struct Case {
    var states: [[Float]]
    var salient: [Bool]

    /// Neighbouring states that turn slowly, so that walks are neither empty nor endless.
    init(dimension: Int, count: Int, seed: UInt64) {
      var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
      func random() -> Float {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Float(state % 20_001) / 10_000 - 1
      }
      var current = (0..<dimension).map { _ in random() }
      states = (0..<count).map { _ in
        current = current.map { $0 * 0.7 + random() * 0.9 }
        return current
      }
      salient = (0..<count).map { _ in random() > 0.2 }
    }

    func expected(limit: Double, isFar: Bool) -> [TokenClass] {
      var classes = salient.map { $0 ? TokenClass.salient : .plain }
      for start in salient.indices where salient[start] {
        var centre = states[start].map(Double.init)
        for way in [Array(stride(from: start - 1, through: 0, by: -1)), Array(salient.indices.dropFirst(start + 1))] {
          for neighbour in way {
            let other = states[neighbour].map(Double.init)
            let product = zip(centre, other).map(*).reduce(0, +)
            let lengths = centre.map { $0 * $0 }.reduce(0, +) * other.map { $0 * $0 }.reduce(0, +)
            let distance = 1 - product / lengths.squareRoot()
            guard isFar ? distance > limit : distance < limit else { break }
            if classes[neighbour] == .plain { classes[neighbour] = .cluster }
            centre = zip(centre, other).map { ($0 + $1) / 2 }
          }
        }
      }
      return classes
    }
  }

  @Test(arguments: [1, 3, 15, 16, 17, 33, 100], [true, false])
  func walksAreThoseOfTheDesign(dimension: Int, isFar: Bool) throws {
    var reached = 0
    for seed in 1...8 as ClosedRange<UInt64> {
      let example = Case(dimension: dimension, count: 40, seed: seed)
      var constants = SaliencyConstants.nlft
      constants.clustering = isFar ? .far : .near
      // About as far as neighbours are from each other, so that either test holds for some.
      constants.clusterLimit = 0.3
      let probabilities = TokenProbabilities(
        base: example.salient.map { _ in 0.5 }, standard: example.salient.map { $0 ? 0.99 : 0.5 })
      let hidden = ScoresFrame.Hidden(values: example.states.flatMap { $0 }, dimension: dimension)
      let weights = try TokenWeights.correct(probabilities, hidden: hidden, constants: constants)
      let expected = example.expected(limit: constants.clusterLimit, isFar: isFar)
      #expect(weights.classes == expected, "seed \(seed)")
      reached += expected.count { $0 == .cluster }
    }
    #expect(reached > 0)
  }
}
