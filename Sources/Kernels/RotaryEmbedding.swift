#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Rotary position embedding (Su et al., arXiv 2104.09864) in the half-split form of Hugging Face models: entry i of a
/// head is paired with entry i + d/2, and the pair at position p is turned by the angle p·f_i.
public struct RotaryEmbedding: Sendable {
  /// f_i, radians per position, d/2 of them.
  public let frequencies: [Float]

  /// An embedding from its frequencies.
  public init(frequencies: [Float]) { self.frequencies = frequencies }

  /// Turns each head of each row by its position's angle, in place.
  /// - Parameters:
  ///   - x: [n, heads·d].
  ///   - positions: n positions, from 0.
  ///   - backward: turn back, which is the gradient of turning.
  public func apply(_ x: MatrixView, positions: [Int32], backward: Bool = false, pool: WorkerPool) {
    let half = frequencies.count
    precondition(positions.count == x.rows && x.columns % (2 * half) == 0)
    pool.ranges(x.rows, minimum: 4) { range, _ in
      var cosines = [Float](repeating: 0, count: half)
      var sines = cosines
      for row in range {
        for index in 0..<half {
          // The angle is rounded to float32 first: so do the models this must agree with.
          let angle = Float(positions[row]) * frequencies[index]
          cosines[index] = cosf(angle)
          sines[index] = backward ? -sinf(angle) : sinf(angle)
        }
        for head in 0..<x.columns / (2 * half) {
          let first = x.row(row) + head * 2 * half
          let second = first + half
          for index in 0..<half {
            let (a, b) = (first[index], second[index])
            first[index] = a * cosines[index] - b * sines[index]
            second[index] = b * cosines[index] + a * sines[index]
          }
        }
      }
    }
  }
}
