import Saliency
import Tensors

/// What training will do to a token of a response, as far as it can be shown.
public struct TokenEffect: Sendable, Equatable {
  /// In which direction the token's probability is moved.
  public enum Direction: Sendable, Equatable {
    /// It is made likelier.
    case reinforced
    /// It is made less likely.
    case suppressed
    /// Neither.
    case none
  }

  /// In which direction.
  public let direction: Direction
  /// How much, from 0 to 1, of the largest weights: 3 for the likelihood of a token, 2 for its unlikelihood.
  public let strength: Double
  /// The class.
  public let tokenClass: TokenClass

  /// An effect from its parts.
  public init(direction: Direction, strength: Double, tokenClass: TokenClass) {
    self.direction = direction
    self.strength = strength
    self.tokenClass = tokenClass
  }

  /// The largest likelihood that the methods give with their presets: 1 + 1 + 1 for a salient token that is certain.
  static let fullLikelihood = 3.0
  /// The largest unlikelihood: 2σ(∞).
  static let fullUnlikelihood = 2.0

  /// The effects of a response's final weights, [T].
  /// - Parameters:
  ///   - weights: the mean over the response and the factor included.
  ///   - factor: the factor.
  public static func effects(_ weights: TokenWeights, factor: Double) -> [TokenEffect] {
    let scale = Double(weights.classes.count) / factor
    return weights.classes.indices.map { index in
      let likelihood = Double(weights.likelihood[index]) * scale
      let unlikelihood = Double(weights.unlikelihood[index]) * scale
      let direction: Direction = unlikelihood > 0 ? .suppressed : likelihood > 0 ? .reinforced : .none
      let strength = unlikelihood > 0 ? unlikelihood / fullUnlikelihood : likelihood / fullLikelihood
      return TokenEffect(
        direction: direction, strength: min(1, strength), tokenClass: weights.classes[index])
    }
  }
}
