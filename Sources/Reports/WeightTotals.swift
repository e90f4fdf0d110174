import Records

/// What nlft-saliency made of a round's answers, as the records' `loss` counts it.
public struct WeightTotals: Sendable, Equatable {
  /// Sums over answers.
  public struct Sums: Sendable, Equatable {
    /// Answers.
    public var records = 0
    /// Response tokens, and those of each class.
    public var tokens = 0, salient = 0, cluster = 0, plain = 0
    /// Final weights of −log p and of −log(1 − p), over all sequences of an answer's loss.
    public var likelihood = 0.0, unlikelihood = 0.0

    /// The share of tokens of a class.
    public func share(_ count: KeyPath<Sums, Int>) -> Double? {
      tokens == 0 ? nil : Double(self[keyPath: count]) / Double(tokens)
    }

    static func + (left: Sums, right: Sums) -> Sums {
      Sums(
        records: left.records + right.records, tokens: left.tokens + right.tokens,
        salient: left.salient + right.salient, cluster: left.cluster + right.cluster, plain: left.plain + right.plain,
        likelihood: left.likelihood + right.likelihood, unlikelihood: left.unlikelihood + right.unlikelihood)
    }
  }

  /// Of correct answers.
  public var correct = Sums()
  /// Of incorrect ones.
  public var incorrect = Sums()

  /// Reads weighted records; nil if the file is not there or has none with counts.
  init?(_ path: String) throws {
    var (correct, incorrect) = (Sums(), Sums())
    _ = try RunFiles.records(path) { record in
      guard let loss = record["loss"], loss["tokens"] != nil else { return }
      var sums = Sums()
      sums.records = 1
      sums.tokens = loss["tokens"]?.integer ?? 0
      sums.salient = loss["salient"]?.integer ?? 0
      sums.cluster = loss["cluster"]?.integer ?? 0
      sums.plain = loss["plain"]?.integer ?? 0
      sums.likelihood = loss["likelihood"]?.double ?? 0
      sums.unlikelihood = loss["unlikelihood"]?.double ?? 0
      if try record.isIncorrect() { incorrect = incorrect + sums } else { correct = correct + sums }
    }
    guard correct.records + incorrect.records > 0 else { return nil }
    (self.correct, self.incorrect) = (correct, incorrect)
  }

  /// Of all answers.
  public var all: Sums { correct + incorrect }
}
