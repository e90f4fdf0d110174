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
    for start in salient.indices where salient[start] {
      var centre = (0..<dimension).map { Double(states[start * dimension + $0]) }
      walk(stride(from: start - 1, through: 0, by: -1), from: &centre, marking: &classes)
      walk(stride(from: start + 1, to: salient.count, by: 1), from: &centre, marking: &classes)
    }
    return classes
  }

  private func walk(_ neighbours: some Sequence<Int>, from centre: inout [Double], marking classes: inout [TokenClass])
  {
    for neighbour in neighbours {
      guard joins(distance(centre, neighbour)) else { return }
      if classes[neighbour] == .plain { classes[neighbour] = .cluster }
      for index in 0..<dimension {
        centre[index] = (centre[index] + Double(states[neighbour * dimension + index])) / 2
      }
    }
  }

  /// 1 − cos of the angle between the centre and a token's state.
  private func distance(_ centre: [Double], _ token: Int) -> Double {
    var (product, centreSquare, tokenSquare) = (0.0, 0.0, 0.0)
    for index in 0..<dimension {
      let value = Double(states[token * dimension + index])
      product += centre[index] * value
      centreSquare += centre[index] * centre[index]
      tokenSquare += value * value
    }
    return 1 - product / (centreSquare * tokenSquare).squareRoot()
  }
}
