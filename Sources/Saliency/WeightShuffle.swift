import Kernels

extension TokenWeights {
  /// The same weights at random places of the response: a control that shows whether it matters where they sit.
  ///
  /// Class, likelihood and unlikelihood of a token move together, so that their histograms stay.
  /// - Parameters:
  ///   - seed: decides the places, together with the id.
  ///   - id: the record's.
  func shuffled(seed: UInt64, id: String) -> TokenWeights {
    var state = SplitMix64.mixed(seed)
    for byte in id.utf8 { state = SplitMix64.mixed(state ^ UInt64(byte)) }
    var generator = SplitMix64(seed: state)
    let order = classes.indices.shuffled(using: &generator)
    return TokenWeights(
      classes: order.map { classes[$0] }, likelihood: order.map { likelihood[$0] },
      unlikelihood: order.map { unlikelihood[$0] })
  }
}
