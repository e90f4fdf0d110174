import Kernels

extension TokenWeights {
  /// The same weights at random places of the response: a control that shows whether it matters where they sit.
  ///
  /// Class, likelihood and unlikelihood of a token move together, so that their histograms stay.
  /// - Parameters:
  ///   - seed: decides the places, together with the id.
  ///   - id: the record's.
  func shuffled(seed: UInt64, id: String) -> TokenWeights {
    let order = Self.shuffledOrder(count: classes.count, seed: seed, id: id)
    return TokenWeights(
      classes: order.map { classes[$0] }, likelihood: order.map { likelihood[$0] },
      unlikelihood: order.map { unlikelihood[$0] })
  }

  /// From which place of the response each token takes its weights when they are shuffled.
  /// - Parameters:
  ///   - count: the number of tokens.
  ///   - seed: decides the places, together with the id.
  ///   - id: the record's.
  public static func shuffledOrder(count: Int, seed: UInt64, id: String) -> [Int] {
    var state = SplitMix64.mixed(seed)
    for byte in id.utf8 { state = SplitMix64.mixed(state ^ UInt64(byte)) }
    var generator = SplitMix64(seed: state)
    return (0..<count).shuffled(using: &generator)
  }
}
