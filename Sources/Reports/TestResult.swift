import Records

/// What nlft-grade's summary says of a set of answers.
public struct TestResult: Sendable, Equatable {
  /// Answers that were graded.
  public var count: Int
  /// Right ones.
  public var correct: Int
  /// The share of right ones.
  public var accuracy: Double
  /// Of the accuracy; nil if there were too few.
  public var standardError: Double?
  /// The accuracy's 95 % interval: Wilson's where answers are independent, else ± 1.96 standard errors.
  public var interval: ClosedRange<Double>?
  /// The share of answers in the asked-for form.
  public var formatCompliance: Double?
  /// Against the untouched model, problem by problem.
  public var comparison: Comparison?

  /// A paired comparison with another run's answers.
  public struct Comparison: Sendable, Equatable {
    /// Accuracy less the other's.
    public var difference: Double
    /// Of the difference.
    public var standardError: Double?
    /// Problems that only this run solves.
    public var gains: Int
    /// Problems that only the other solves.
    public var losses: Int
    /// McNemar's exact p.
    public var p: Double?

    /// The difference's 95 % interval, from the normal distribution.
    public var interval: ClosedRange<Double>? {
      standardError.map { (difference - normalQuantile * $0)...(difference + normalQuantile * $0) }
    }
  }

  /// The normal distribution's quantile at 0.975.
  static let normalQuantile = 1.959963984540054

  /// Reads a summary of nlft-grade; nil if the file is not there.
  /// - Throws: `ReportError` or `FileError` naming the file.
  init?(_ path: String) throws {
    guard let json = try RunFiles.json(path) else { return nil }
    guard let count = json["n"]?.integer, let correct = json["correct"]?.integer,
      let accuracy = json["accuracy"]?.double
    else { throw ReportError("\(path): has no n, correct and accuracy: not a summary of nlft-grade") }
    (self.count, self.correct, self.accuracy) = (count, correct, accuracy)
    standardError = json["standard_error"]?.double
    formatCompliance = json["format_compliance"]?.double
    let wilson = json["wilson_95"]?.array?.compactMap(\.double) ?? []
    if wilson.count == 2, wilson[0] <= wilson[1] {
      interval = wilson[0]...wilson[1]
    } else {
      interval = standardError.map {
        max(0, accuracy - Self.normalQuantile * $0)...min(1, max(0, accuracy + Self.normalQuantile * $0))
      }
    }
    if let other = json["comparison"], let difference = other["difference"]?.double {
      comparison = Comparison(
        difference: difference, standardError: other["standard_error"]?.double, gains: other["gains"]?.integer ?? 0,
        losses: other["losses"]?.integer ?? 0, p: other["mcnemar_p"]?.double)
    }
  }
}

private let normalQuantile = TestResult.normalQuantile
