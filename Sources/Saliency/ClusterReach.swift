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
    let last = limits.values.count - 1
    (near, far) = Self.products(of: hidden, count: count).withUnsafeBufferPointer { products in
      let starts = (0..<count).map { ReachWalk(products: products, count: count, start: $0) }
      return (
        starts.map { walk in
          walk.steps(sign: 1) { limits.first(above: $0) }.filter { $0.opening <= last }
        },
        starts.map { walk in
          walk.steps(sign: -1) { last - limits.last(below: -$0) }.filter { $0.opening <= last }
        }
      )
    }
  }

  /// The scalar products of a response's states, [T, T].
  private static func products(of hidden: ScoresFrame.Hidden, count: Int) -> [Float] {
    var products = [Float](repeating: 0, count: count * count)
    hidden.values.withUnsafeBufferPointer { states in
      let vectors = StateVectors(states, dimension: hidden.dimension)
      for left in 0..<count {
        for right in left..<count {
          let product = vectors.product(left, right)
          products[left * count + right] = product
          products[right * count + left] = product
        }
      }
    }
    return products
  }
}

/// The walks from one token under all limits.
private struct ReachWalk {
  /// The scalar products of all states, [T, T].
  let products: UnsafeBufferPointer<Float>
  let count: Int
  let start: Int

  /// A centre as the tokens that made it, in the order in which they joined.
  private struct Centre {
    let products: UnsafeBufferPointer<Float>
    let count: Int
    var joined: [Int]
    var square: Double

    /// Each token that joins halves the weight of those before it: farther back they vanish behind the rounding of the
    /// products.
    private static let memory = 32

    func product(_ token: Int) -> Double {
      let row = UnsafeBufferPointer(rebasing: products[token * count..<(token + 1) * count])
      return joined.withUnsafeBufferPointer { joined in
        var weight = 0.5
        var sum = 0.0
        for place in stride(from: joined.count - 1, to: max(0, joined.count - Self.memory), by: -1) {
          sum += weight * Double(row[joined[place]])
          weight *= 0.5
        }
        // The start has the weight that is left.
        return joined.count <= Self.memory ? sum + 2 * weight * Double(row[joined[0]]) : sum
      }
    }

    /// The cosine distance of a token, with which it then joins.
    mutating func distanceOfJoining(_ token: Int) -> Double {
      let product = product(token)
      let other = Double(products[token * count + token])
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

  /// The steps by which the cluster grows.
  /// - Parameters:
  ///   - sign: what distances are multiplied by to be compared, so that a neighbour joins where the product is small:
  ///     -1 when far ones join.
  ///   - opening: the number of the first limit that lets such a product pass.
  func steps(sign: Double, opening: (Double) -> Int) -> [ClusterReach.Step] {
    // A state of length zero has no direction and never joins.
    func signed(_ distance: Double) -> Double { distance.isNaN ? .infinity : sign * distance }

    var steps: [ClusterReach.Step] = []
    func add(_ distance: Double, _ left: Int, _ right: Int) {
      let step = ClusterReach.Step(opening: opening(distance), left: left, right: right)
      if steps.last?.opening == step.opening { steps.removeLast() }
      if (steps.last?.left ?? 0, steps.last?.right ?? 0) != (left, right) { steps.append(step) }
    }
    // The largest distance that has to be passed to come this far.
    var passed = -Double.infinity
    var centre = Centre(
      products: products, count: count, joined: [start], square: Double(products[start * count + start]))
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
      for neighbour in (start + 1)..<max(start + 1, count) {
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
}
