#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How the next token is chosen from its logits.
public struct TokenChoice: Sendable, Equatable {
  /// Divides the logits; 0 takes the most likely token.
  public var temperature: Double
  /// Only the most likely tokens that together have this probability (Holtzman et al., arXiv 1904.09751); 1 keeps all.
  public var topP: Double
  /// Only this many of the most likely tokens; 0 keeps all.
  public var topK: Int

  /// A rule from its parts.
  public init(temperature: Double, topP: Double = 1, topK: Int = 0) {
    self.temperature = temperature
    self.topP = topP
    self.topK = topK
  }

  /// Chooses a token: first top-k, then top-p among those, then one by its probability.
  /// - Parameters:
  ///   - logits: V of them.
  ///   - uniform: a random number in [0, 1).
  public func choose(_ logits: UnsafeBufferPointer<Float>, uniform: Double) -> Int32 {
    guard temperature > 0, topK != 1 else { return Self.mostLikely(logits) }
    let largest = Double(logits.max() ?? 0)
    var candidates: [(token: Int32, weight: Double)] = []
    candidates.reserveCapacity(logits.count)
    for (token, logit) in logits.enumerated() {
      candidates.append((Int32(token), exp((Double(logit) - largest) / temperature)))
    }
    if topK > 0 || topP < 1 {
      candidates = kept(candidates)
    }
    let total = candidates.reduce(0) { $0 + $1.weight }
    var left = uniform * total
    for candidate in candidates {
      left -= candidate.weight
      if left < 0 { return candidate.token }
    }
    return candidates.last { $0.weight > 0 }?.token ?? Self.mostLikely(logits)
  }

  /// The candidates that top-k and top-p leave, most likely first; of equals the one with the smaller number.
  private func kept(_ candidates: [(token: Int32, weight: Double)]) -> [(token: Int32, weight: Double)] {
    func isBefore(_ a: (token: Int32, weight: Double), _ b: (token: Int32, weight: Double)) -> Bool {
      a.weight != b.weight ? a.weight > b.weight : a.token < b.token
    }
    let total = candidates.reduce(0) { $0 + $1.weight }
    // Nearly all of the vocabulary is negligible: sort what is not, and all of it only if that was not enough.
    let floor = 1e-4 * (1 - min(topP, 0.999_999)) * total / Double(candidates.count)
    var sorted = candidates.filter { $0.weight > floor }.sorted(by: isBefore)
    if topK > 0, sorted.count < min(topK, candidates.count) { sorted = candidates.sorted(by: isBefore) }
    if topK > 0 { sorted = Array(sorted.prefix(topK)) }
    guard topP < 1 else { return sorted }
    let target = topP * sorted.reduce(0) { $0 + $1.weight }
    var sum = 0.0
    for (position, candidate) in sorted.enumerated() {
      sum += candidate.weight
      if sum >= target { return Array(sorted.prefix(position + 1)) }
    }
    return sorted
  }

  /// The token with the largest logit; of equals the one with the smallest number.
  static func mostLikely(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
    var best = 0
    for token in logits.indices where logits[token] > logits[best] { best = token }
    return Int32(best)
  }
}
