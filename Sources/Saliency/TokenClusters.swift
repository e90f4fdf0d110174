import Tensors

/// Clusters around salient tokens in the space of the hidden states.
///
/// For each salient token the centre starts as its own state. The walk goes left from it, then right; while a
/// neighbour passes the test it joins, and the centre becomes the mean of itself and the neighbour. The walk to the
/// right goes on with the centre that the walk to the left ended with, and both pass over other salient tokens like
/// over any (these move the centre but stay salient). The walks of different salient tokens know nothing of each other,
/// so a token may be reached by several.
struct TokenClusters {
  private let states: [Float]
  private let dimension: Int
  private let joins: (Double) -> Bool

  /// - Parameters:
  ///   - hidden: one finite state for each response token.
  ///   - limit: the cosine distance to compare with.
  ///   - isFar: whether distances above the limit join, instead of below.
  init(hidden: ScoresFrame.Hidden, limit: Double, isFar: Bool) {
    states = hidden.values
    dimension = hidden.dimension
    // A state of length zero has no direction: its distance is not a number and joins neither way.
    joins = isFar ? { $0 > limit } : { $0 < limit }
  }

  /// The class of each token, given which are salient.
  func classes(salient: [Bool]) -> [TokenClass] {
    var classes = salient.map { $0 ? TokenClass.salient : .plain }
    states.withUnsafeBufferPointer { states in
      let vectors = StateVectors(states, dimension: dimension)
      let squares = salient.indices.map { Double(vectors.product($0, $0)) }
      withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { centre in
        for start in salient.indices where salient[start] {
          var walk = Walk(vectors: vectors, squares: squares, centre: centre, start: start)
          walk.run(stride(from: start - 1, through: 0, by: -1), while: joins, marking: &classes)
          walk.run(stride(from: start + 1, to: salient.count, by: 1), while: joins, marking: &classes)
        }
      }
    }
    return classes
  }
}

/// The way of one centre through its neighbours.
///
/// Of the lengths that the cosine needs, the states' are known beforehand, and the centre's follows from the products:
/// |(c + h)/2|² = (|c|² + 2 c·h + |h|²)/4. So a step reads two states once: it moves the centre and multiplies it with
/// the next neighbour in the same pass.
private struct Walk {
  let vectors: StateVectors
  let squares: [Double]
  let centre: UnsafeMutableBufferPointer<Float>
  var centreSquare: Double

  init(vectors: StateVectors, squares: [Double], centre: UnsafeMutableBufferPointer<Float>, start: Int) {
    self.vectors = vectors
    self.squares = squares
    self.centre = centre
    centreSquare = squares[start]
    vectors.copy(start, to: centre)
  }

  mutating func run(
    _ neighbours: some Sequence<Int>, while joins: (Double) -> Bool, marking classes: inout [TokenClass]
  ) {
    var joined: (token: Int, product: Double)?
    for neighbour in neighbours {
      let product =
        if let joined {
          Double(vectors.move(centre, halfwayTo: joined.token, thenMultiplyBy: neighbour))
        } else {
          Double(vectors.product(centre, neighbour))
        }
      if let joined { settle(joined) }
      joined = nil
      // The distance is 1 − cos of the angle between the centre and the neighbour's state.
      guard joins(1 - product / (centreSquare * squares[neighbour]).squareRoot()) else { return }
      if classes[neighbour] == .plain { classes[neighbour] = .cluster }
      joined = (neighbour, product)
    }
    if let joined {
      _ = vectors.move(centre, halfwayTo: joined.token, thenMultiplyBy: joined.token)
      settle(joined)
    }
  }

  private mutating func settle(_ joined: (token: Int, product: Double)) {
    centreSquare = max(0, (centreSquare + 2 * joined.product + squares[joined.token]) / 4)
  }
}
