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
    // In the order of first appearance, not of hashing: the same values give the same digits in every run.
    var places: [String: Int] = [:]
    var sums: [Double] = []
    for (cluster, value) in values {
      let place = places[cluster] ?? sums.count
      if place == sums.count {
        places[cluster] = place
        sums.append(0)
      }
      sums[place] += value - mean
    }
    clusters = sums.count
    self.mean = values.isEmpty ? nil : mean
    let groups = Double(sums.count)
    let squares = sums.reduce(0) { $0 + $1 * $1 }
    standardError = sums.count < 2 ? nil : (groups / (groups - 1) * squares).squareRoot() / Double(values.count)
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
  let k = min(gains, losses)
  // The greatest term, C(n, k) / 2^n: halved whenever it grows above 1, since for thousands of pairs neither factor
  // is in the range of Double. While the integers are below 2^53 every step is exact.
  var term = 1.0
  var halvings = n
  for i in stride(from: 1, through: k, by: 1) {
    term = term * Double(n - k + i) / Double(i)
    while term > 1, halvings > 0 {
      term /= 2
      halvings -= 1
    }
  }
  term = scalbn(term, -halvings)
  var tail = term
  // C(n, i − 1) = C(n, i) · i / (n − i + 1).
  for i in stride(from: k, to: 0, by: -1) {
    term = term * Double(i) / Double(n - i + 1)
    tail += term
  }
  return min(1, 2 * tail)
}
