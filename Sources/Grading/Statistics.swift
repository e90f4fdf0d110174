#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Values with a mean and its standard error, each belonging to a cluster.
///
/// Several samples of one question are not independent: their errors are summed within the question before they are
/// squared (cluster-robust standard error, Liang & Zeger 1986), with the factor G/(G−1) for G clusters. With one value a
/// cluster this is the usual √(s²/n), which for values 0 and 1 is √(p(1−p)/(n−1)), as lm-evaluation-harness prints it.
public struct ClusteredMean: Sendable, Equatable {
  /// How many values there are.
  public let count: Int
  /// How many clusters there are.
  public let clusters: Int
  /// The mean; nil without values.
  public let mean: Double?
  /// The standard error of the mean; nil with fewer than two clusters.
  public let standardError: Double?

  /// The mean of `values`, each with the name of its cluster.
  public init(_ values: [(cluster: String, value: Double)]) {
    count = values.count
    let mean = values.reduce(0) { $0 + $1.value } / Double(max(1, values.count))
    var sums: [String: Double] = [:]
    for (cluster, value) in values { sums[cluster, default: 0] += value - mean }
    clusters = sums.count
    self.mean = values.isEmpty ? nil : mean
    let groups = Double(sums.count)
    standardError =
      sums.count < 2
      ? nil : (groups / (groups - 1) * sums.values.reduce(0) { $0 + $1 * $1 }).squareRoot() / Double(values.count)
  }
}

/// The Wilson score interval for `successes` of `count` independent trials at 95 % (Wilson 1927); nil without trials.
public func wilsonInterval(successes: Int, count: Int) -> (lower: Double, upper: Double)? {
  guard count > 0 else { return nil }
  let z = 1.959963984540054  // the normal distribution's quantile at 0.975
  let n = Double(count)
  let p = Double(successes) / n
  let centre = (p + z * z / (2 * n)) / (1 + z * z / n)
  let half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
  return (max(0, centre - half), min(1, centre + half))
}

/// McNemar's exact two-sided p: how probable discordant pairs at least as uneven are if both runs are equally good.
///
/// p = min(1, 2 · Σ_{i ≤ min(gains, losses)} C(gains + losses, i) / 2^(gains + losses)).
/// - Parameters:
///   - gains: Pairs in which only the first run is correct.
///   - losses: Pairs in which only the second run is correct.
public func mcNemarProbability(gains: Int, losses: Int) -> Double {
  let n = gains + losses
  // In logarithms, since 2^-n and the binomial coefficients leave the range of Double for thousands of pairs.
  let tail = (0...min(gains, losses)).reduce(0.0) { sum, i in
    let logarithm = lgamma(Double(n + 1)) - lgamma(Double(i + 1)) - lgamma(Double(n - i + 1))
    return sum + exp(logarithm - Double(n) * log(2.0))
  }
  return min(1, 2 * tail)
}
