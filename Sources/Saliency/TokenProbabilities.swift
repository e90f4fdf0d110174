import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Probabilities of a response's tokens under the three prompts, [T] each.
public struct TokenProbabilities: Sendable, Equatable {
  /// b, under the base prompt.
  public var base: [Double]
  /// s, under the prompt with the standard answer; nil if it was not scored.
  public var standard: [Double]?
  /// j, under the prompt with the critique; nil if it was not scored.
  public var judge: [Double]?

  /// Probabilities as they are; the lists are equally long.
  public init(base: [Double], standard: [Double]? = nil, judge: [Double]? = nil) {
    self.base = base
    self.standard = standard
    self.judge = judge
  }

  /// How far above 0 rounding may push a log-probability in single precision; such a one counts as 0.
  private static let roundingTolerance: Float = 1e-4

  /// The probabilities of a scores frame.
  /// - Throws: `SaliencyError` of kind `scores` if there are no base log-probabilities or one of any prompt is not
  ///   finite or positive.
  public init(_ scores: ScoresFrame) throws(SaliencyError) {
    func probabilities(_ logarithms: [Float], _ name: String) throws(SaliencyError) -> [Double] {
      guard logarithms.count == scores.tokens.count else {
        throw SaliencyError(
          .scores, "\"\(name)\" has \(logarithms.count) elements for \(scores.tokens.count) response tokens")
      }
      if let bad = logarithms.firstIndex(where: { !$0.isFinite || $0 > Self.roundingTolerance }) {
        // The sign of what is no number says nothing, and differs between processors.
        let found = logarithms[bad].isNaN ? "nan" : "\(logarithms[bad])"
        throw SaliencyError(
          .scores, "\"\(name)\" has \(found) at token \(bad), expected a finite number of at most 0")
      }
      return logarithms.map { exp(min(Double($0), 0)) }
    }
    guard let base = scores.base else { throw SaliencyError(.scores, "the scores frame has no \"logprob.base\"") }
    self.base = try probabilities(base, "logprob.base")
    if let logarithms = scores.standard { standard = try probabilities(logarithms, "logprob.standard") }
    if let logarithms = scores.judge { judge = try probabilities(logarithms, "logprob.judge") }
  }
}
