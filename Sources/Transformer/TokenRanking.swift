import Kernels

/// What a model holds likely at one place, and where the token that stands there comes among it.
public struct TokenRanking: Sendable, Equatable {
  /// A token with the natural logarithm of its probability.
  public struct Candidate: Sendable, Equatable {
    /// The token.
    public var token: Int32
    /// log p.
    public var logProbability: Double

    /// A token and its log p.
    public init(token: Int32, logProbability: Double) {
      self.token = token
      self.logProbability = logProbability
    }
  }

  /// The most likely tokens, the likeliest first; of equals the one with the smaller number.
  public var candidates: [Candidate]
  /// The place of the token that was taken in the order of all, from 1.
  public var rank: Int
  /// log p of that token.
  public var logProbability: Double

  /// A ranking from its parts.
  public init(candidates: [Candidate], rank: Int, logProbability: Double) {
    self.candidates = candidates
    self.rank = rank
    self.logProbability = logProbability
  }
}

extension TransformerModel {
  /// The most likely tokens at rows of final-norm outputs.
  /// - Parameters:
  ///   - states: [n, D], from `states`.
  ///   - rows: where to read; as many as targets.
  ///   - targets: the tokens that were taken, all of the vocabulary.
  ///   - count: how many of the most likely ones.
  public func rankings(_ states: Matrix, rows: [Int], targets: [Int32], count: Int) -> [TokenRanking] {
    precondition(rows.count == targets.count)
    let empty = TokenRanking(candidates: [], rank: 0, logProbability: 0)
    var result = [TokenRanking](repeating: empty, count: rows.count)
    head.chunks(of: states, rows: rows) { places, _, logits in
      for (offset, place) in places.enumerated() {
        let row = UnsafeBufferPointer(start: logits.row(offset), count: configuration.vocabularySize)
        result[place] = Self.ranking(row, target: Int(targets[place]), count: count)
      }
    }
    return result
  }

  private static func ranking(_ logits: UnsafeBufferPointer<Float>, target: Int, count: Int) -> TokenRanking {
    guard let base = logits.baseAddress else { return TokenRanking(candidates: [], rank: 0, logProbability: 0) }
    let normalizer = Softmax.logNormalizer(base, count: logits.count)
    /// The likeliest so far, in their order.
    var best: [Int] = []
    var before = 0
    for token in logits.indices {
      if logits[token] > logits[target] || logits[token] == logits[target] && token < target { before += 1 }
      if best.count == count, let last = best.last, logits[token] <= logits[last] { continue }
      // Of equals the earlier one stays in front.
      let place = best.firstIndex { logits[token] > logits[$0] } ?? best.count
      best.insert(token, at: place)
      if best.count > count { best.removeLast() }
    }
    let candidates = best.map {
      TokenRanking.Candidate(token: Int32($0), logProbability: Double(logits[$0]) - normalizer)
    }
    return TokenRanking(
      candidates: candidates, rank: before + 1, logProbability: Double(logits[target]) - normalizer)
  }
}
