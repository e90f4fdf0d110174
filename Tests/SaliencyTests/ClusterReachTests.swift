import Saliency
import Tensors
import Testing

/// How far clusters reach, for all limits at once, against the clusters that the tool makes for one.
@Suite struct ClusterReachTests {
  /// States that turn slowly, so that walks are neither empty nor endless.
  private static func states(count: Int, dimension: Int, seed: UInt64) -> ScoresFrame.Hidden {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func random() -> Float {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Float(state % 20_001) / 10_000 - 1
    }
    var current = (0..<dimension).map { _ in random() }
    var values: [Float] = []
    for _ in 0..<count {
      current = current.map { $0 * 0.75 + random() * 0.7 }
      values += current
    }
    return ScoresFrame.Hidden(values: values, dimension: dimension)
  }

  /// The tokens around `start` that join its cluster, were it alone salient.
  private func cluster(
    _ start: Int, _ hidden: ScoresFrame.Hidden, _ count: Int, _ clustering: SaliencyConstants.Clustering,
    _ limit: Double
  ) throws -> ClosedRange<Int> {
    var constants = SaliencyConstants.nlft
    (constants.clustering, constants.clusterLimit) = (clustering, limit)
    let probabilities = TokenProbabilities(
      base: Array(repeating: 0.5, count: count), standard: (0..<count).map { $0 == start ? 0.99 : 0.5 })
    let classes = try TokenWeights.correct(probabilities, hidden: hidden, constants: constants).classes
    let joined = classes.indices.filter { classes[$0] != .plain }
    return (joined.first ?? start)...(joined.last ?? start)
  }

  private func reached(_ start: Int, _ steps: [ClusterReach.Step], opening: Int) -> ClosedRange<Int> {
    let step = steps.last { $0.opening <= opening }
    return start - (step?.left ?? 0)...start + (step?.right ?? 0)
  }

  @Test(arguments: [2, 3, 24], [1, 2, 3] as [UInt64])
  func reachIsThatOfTheWalks(dimension: Int, seed: UInt64) throws {
    let count = 40
    let hidden = Self.states(count: count, dimension: dimension, seed: seed)
    let limits = ClusterLimits(given: 0.3335)
    let reach = try #require(ClusterReach(hidden: hidden, count: count, limits: limits))
    var sizes = Set<Int>()
    for place in Array(stride(from: 0, to: limits.values.count, by: 37)) + [limits.values.firstIndex(of: 0.3335) ?? -1]
    {
      for start in 0..<count {
        let near = try cluster(start, hidden, count, .near, limits.values[place])
        #expect(reached(start, reach.near[start], opening: place) == near, "\(limits.values[place]), \(start)")
        let far = try cluster(start, hidden, count, .far, limits.values[place])
        let opening = limits.values.count - 1 - place
        #expect(reached(start, reach.far[start], opening: opening) == far, "\(limits.values[place]), \(start)")
        sizes.insert(near.count)
        sizes.insert(far.count)
      }
    }
    #expect(sizes.count > 10)
  }

  /// A state of length zero ends every walk.
  @Test func statesWithoutDirection() throws {
    let hidden = ScoresFrame.Hidden(values: [1, 1, 0, 0, 1, 1, 1, 0.9, 1, -1], dimension: 2)
    let limits = ClusterLimits(given: 0.4)
    let reach = try #require(ClusterReach(hidden: hidden, count: 5, limits: limits))
    for start in 0..<5 {
      for (place, limit) in limits.values.enumerated() where place % 50 == 0 {
        #expect(
          reached(start, reach.near[start], opening: place) == (try cluster(start, hidden, 5, .near, limit)),
          "\(limit), \(start)")
      }
    }
    #expect(reach.near[1].isEmpty)
    #expect(reach.near[3].last?.left == 1)
  }

  @Test func statesThatDoNotFit() {
    let limits = ClusterLimits(given: 0.4)
    #expect(ClusterReach(hidden: .init(values: [1, 2, 3], dimension: 2), count: 2, limits: limits) == nil)
    #expect(ClusterReach(hidden: .init(values: [], dimension: 0), count: 2, limits: limits) == nil)
    #expect(ClusterReach(hidden: .init(values: [1, .nan], dimension: 1), count: 2, limits: limits) == nil)
    #expect(ClusterReach(hidden: .init(values: [1], dimension: .max), count: 2, limits: limits) == nil)
    let count = ClusterReach.longestResponse + 1
    #expect(
      ClusterReach(hidden: .init(values: Array(repeating: 1, count: count), dimension: 1), count: count, limits: limits)
        == nil)
  }

  @Test func limitsAreThousandthsAndTheGivenOne() {
    #expect(ClusterLimits(given: 0.4).values.count == 2001)
    let odd = ClusterLimits(given: 0.40005).values
    #expect(odd.count == 2002)
    #expect(odd.firstIndex(of: 0.40005) == 401)
    #expect(ClusterLimits(given: 7).values.last == 7)
    #expect(odd == odd.sorted())
  }
}
