#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Softmax of rows, and the logarithm of its normaliser.
public enum Softmax {
  /// Replaces `count` logits by their probabilities.
  /// - Returns: log Σ eˣ of the logits.
  @discardableResult
  public static func forward(_ x: UnsafeMutablePointer<Float>, count: Int, scale: Float = 1) -> Float {
    let largest = maximum(x, count) * scale
    let total = exponentials(x, count: count, offset: largest, scale: scale)
    let inverse = 1 / total
    VectorMath.map(x, into: x, count) { $0 * inverse }
    return largest + logf(total)
  }

  /// log Σ eˣ of `count` logits, which stay as they are; the sum is carried in double precision. Logits may be −∞.
  public static func logNormalizer(_ x: UnsafePointer<Float>, count: Int) -> Double {
    let found = maximum(x, count)
    let largest = found == -.infinity ? 0 : found
    var total = 0.0
    var start = 0
    // One vector of partial sums per stretch keeps the float32 sums short.
    while start < count {
      let end = min(count, start + 4096)
      var sum = VectorMath.Vector.zero
      var index = start
      while index + 16 <= end {
        sum += VectorMath.exponential(VectorMath.load(x + index) - largest)
        index += 16
      }
      total += Double(VectorMath.sum(sum))
      while index < end {
        total += Double(VectorMath.exponential(.init(repeating: x[index] - largest))[0])
        index += 1
      }
      start = end
    }
    return found == -.infinity && !total.isNaN ? -.infinity : Double(largest) + log(total)
  }

  /// Replaces `count` logits by coefficient · softmax, given their log-normaliser; the gradient of a loss on one
  /// target is this less the coefficient at the target.
  public static func scaledProbabilities(
    _ x: UnsafeMutablePointer<Float>, count: Int, logNormalizer: Double, coefficient: Float
  ) {
    let offset = Float(logNormalizer)
    VectorMath.map(x, into: x, count) { VectorMath.exponential($0 - offset) * coefficient }
  }

  /// x ← exp(scale·x − offset).
  /// - Returns: their sum.
  static func exponentials(
    _ x: UnsafeMutablePointer<Float>, count: Int, offset: Float, scale: Float = 1
  ) -> Float {
    var sum = VectorMath.Vector.zero
    var index = 0
    let shift = VectorMath.Vector(repeating: -offset)
    let factor = VectorMath.Vector(repeating: scale)
    while index + 16 <= count {
      let value = VectorMath.exponential(VectorMath.load(x + index) * factor + shift)
      VectorMath.store(value, x + index)
      sum += value
      index += 16
    }
    var total = VectorMath.sum(sum)
    while index < count {
      let value = VectorMath.exponential(.init(repeating: x[index]) * factor + shift)[0]
      x[index] = value
      total += value
      index += 1
    }
    return total
  }

  /// The largest of `count` numbers.
  static func maximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    var best = VectorMath.Vector(repeating: -.infinity)
    var index = 0
    while index + 16 <= count {
      let value = VectorMath.load(x + index)
      best.replace(with: value, where: value .> best)
      index += 16
    }
    var largest = best.max()
    while index < count {
      largest = Swift.max(largest, x[index])
      index += 1
    }
    return largest
  }
}
