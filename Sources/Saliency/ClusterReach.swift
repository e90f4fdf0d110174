import Tensors

/// How far the cluster around each token would reach, were it salient, under every limit.
///
/// Where a walk ends depends on nothing but its start, the limit and the way of comparing. As the limit opens, the walk to
/// the left goes on exactly where the largest distance so far is passed, and the one to the right follows from it: so the
/// reach of a token is a few steps, and the whole answer for a response far smaller than its states.
///
/// Centres are sums of states, so their distances are computed from the states' scalar products, in double precision:
/// within about 1e-6 of those of `TokenClusters`, which moves the centre itself in single precision.
public struct ClusterReach: Sendable {
  /// From one limit on, a cluster holds so many tokens on either side of its start.
  public struct Step: Sendable, Equatable {
    /// Number of the limit, counted from the one under which nothing joins: from the smallest limit up for near
    /// neighbours, from the largest down for far ones.
    public var opening: Int
    /// Tokens in front of the start.
    public var left: Int
    /// Tokens behind it.
    public var right: Int
  }

  /// For each token the steps by which the cluster around it grows, when near neighbours join.
  public let near: [[Step]]
  /// The same when far ones join.
  public let far: [[Step]]

  /// Longest response that is looked at: its products take 64 MiB.
  public static let longestResponse = 4096

  /// Walks from every token.
  /// - Parameters:
  ///   - hidden: one finite state for each token.
  ///   - count: the number of tokens.
  /// - Returns: nil if the states do not fit the tokens, one is not finite, or the response is too long.
  public init?(hidden: ScoresFrame.Hidden, count: Int, limits: ClusterLimits) {
    let (expected, overflow) = hidden.dimension.multipliedReportingOverflow(by: count)
    guard count <= Self.longestResponse, hidden.dimension > 0, !overflow, hidden.values.count == expected,
      hidden.values.allFinite
    else { return nil }
    let products = StateProducts(hidden, count: count)
    let last = limits.values.count - 1
    near = (0..<count).map { start in
      ReachWalk(products: products, start: start, sign: 1).steps { limits.first(above: $0) }
        .filter { $0.opening <= last }
    }
    far = (0..<count).map { start in
      ReachWalk(products: products, start: start, sign: -1).steps { last - limits.last(below: -$0) }
        .filter { $0.opening <= last }
    }
  }
}

/// The scalar products of a response's states, [T, T].
private struct StateProducts {
  let count: Int
  private var values: [Float]

  init(_ hidden: ScoresFrame.Hidden, count: Int) {
    self.count = count
    var values = [Float](repeating: 0, count: count * count)
    hidden.values.withUnsafeBufferPointer { states in
      let vectors = StateVectors(states, dimension: hidden.dimension)
      for left in 0..<count {
        for right in left..<count {
          let product = vectors.product(left, right)
          values[left * count + right] = product
          values[right * count + left] = product
        }
      }
    }
    self.values = values
  }

  subscript(left: Int, right: Int) -> Double { Double(values[left * count + right]) }
}

/// The walks from one token under all limits. Distances are compared with a sign, so that a neighbour joins where its
/// distance is below the limit also when far ones join.
private struct ReachWalk {
  let products: StateProducts
  let start: Int
  let sign: Double

  /// A centre as the tokens that made it, in the order in which they joined.
  private struct Centre {
    let products: StateProducts
    var joined: [Int]
    var square: Double

    /// Each token that joins halves the weight of those before it: farther back they cannot be seen in a `Double`.
    private static let memory = 54

    func product(_ token: Int) -> Double {
      var weight = 0.5
      var sum = 0.0
      for place in stride(from: joined.count - 1, through: max(0, joined.count - Self.memory), by: -1) {
        if place == 0 { weight *= 2 }
        sum += weight * products[joined[place], token]
        weight /= 2
      }
      return sum
    }

    /// The cosine distance of a token, with which it then joins.
    mutating func distanceOfJoining(_ token: Int) -> Double {
      let product = product(token)
      let other = products[token, token]
      let distance = 1 - product / (square * other).squareRoot()
      square = max(0, (square + 2 * product + other) / 4)
      joined.append(token)
      return distance
    }

    /// Undoes the last joining.
    mutating func leave(square: Double) {
      joined.removeLast()
      self.square = square
    }
  }

  /// - Parameter opening: the number of the first limit that lets a signed distance pass.
  func steps(opening: (Double) -> Int) -> [ClusterReach.Step] {
    var steps: [ClusterReach.Step] = []
    func add(_ distance: Double, _ left: Int, _ right: Int) {
      let step = ClusterReach.Step(opening: opening(distance), left: left, right: right)
      if steps.last?.opening == step.opening { steps.removeLast() }
      if (steps.last?.left ?? 0, steps.last?.right ?? 0) != (left, right) { steps.append(step) }
    }
    // The largest distance that has to be passed to come this far.
    var passed = -Double.infinity
    var centre = Centre(products: products, joined: [start], square: products[start, start])
    while true {
      // On the left everything joins until a neighbour is farther than all that was passed.
      var next = Double.infinity
      var isBlocked = false
      var square = centre.square
      while next == .infinity, centre.joined.count <= start {
        square = centre.square
        let distance = signed(centre.distanceOfJoining(start - centre.joined.count))
        if distance > passed { next = distance }
        if distance == .infinity {
          isBlocked = true
          break
        }
      }
      let isStopped = next < .infinity
      var walker = centre
      if isStopped || isBlocked { walker.leave(square: square) }
      let left = walker.joined.count - 1
      if passed > -.infinity { add(passed, left, 0) }
      var rightPassed = passed
      var right = 0
      for neighbour in (start + 1)..<max(start + 1, products.count) {
        let distance = signed(walker.distanceOfJoining(neighbour))
        guard distance < next else { break }
        if distance > rightPassed {
          if right > 0 { add(rightPassed, left, right) }
          rightPassed = distance
        }
        right += 1
      }
      if right > 0 { add(rightPassed, left, right) }
      guard isStopped else { return steps }
      passed = next
    }
  }

  /// A state of length zero has no direction and never joins.
  private func signed(_ distance: Double) -> Double { distance.isNaN ? .infinity : sign * distance }
}
