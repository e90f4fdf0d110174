import Tensors
import Transformer

extension LossSequence {
  /// The part that loss and gradient depend on: the places with a weight, and the tokens up to the last of them.
  ///
  /// Many methods leave most of an incorrect response without weight; what lies behind need not be computed. Nil if no
  /// place has a weight.
  var weightedPart: LossSequence? {
    let places = positions.indices.filter { likelihood[$0] != 0 || unlikelihood[$0] != 0 }
    guard let last = places.map({ positions[$0] }).max() else { return nil }
    return LossSequence(
      tokens: Array(tokens.prefix(Int(last) + 1)), positions: places.map { positions[$0] },
      targets: places.map { targets[$0] }, likelihood: places.map { likelihood[$0] },
      unlikelihood: places.map { unlikelihood[$0] })
  }

  /// What the sequence adds to a loss.
  /// - Parameters:
  ///   - share: multiplies all weights.
  ///   - row: where a position of the sequence is in a layout.
  func terms(share: Float, row: (Int) -> Int) -> [LossTerm] {
    positions.indices.map { place in
      LossTerm(
        row: row(Int(positions[place])), target: targets[place], likelihood: likelihood[place] * share,
        unlikelihood: unlikelihood[place] * share)
    }
  }
}
