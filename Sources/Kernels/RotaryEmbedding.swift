import Synchronization

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

  private let angles = RotaryAngles()

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
    let angles = angles.of(positions, frequencies: frequencies, pool: pool).view
    pool.ranges(x.rows, minimum: 4) { range, _ in
      for row in range {
        let cosines = angles.row(row)
        let sines = cosines + half
        for head in 0..<x.columns / (2 * half) {
          let first = x.row(row) + head * 2 * half
          let second = first + half
          for index in 0..<half {
            let sine = backward ? -sines[index] : sines[index]
            let (a, b) = (first[index], second[index])
            first[index] = a * cosines[index] - b * sine
            second[index] = b * cosines[index] + a * sine
          }
        }
      }
    }
  }
}

/// Cosines and sines of the positions asked for last: all layers of a pass ask for the same.
private final class RotaryAngles: Sendable {
  private let known = Mutex<[(positions: [Int32], table: Matrix)]>([])
  /// A pass has two lists of positions at most: of rows that are trained, and of rows that are only read.
  private static let most = 2

  /// A row for each position: d/2 cosines, d/2 sines.
  func of(_ positions: [Int32], frequencies: [Float], pool: WorkerPool) -> Matrix {
    if let table = known.withLock({ $0.first { $0.positions == positions }?.table }) { return table }
    let half = frequencies.count
    let table = Matrix(uninitializedRows: positions.count, columns: 2 * half)
    pool.ranges(positions.count, minimum: 16) { range, _ in
      for row in range {
        let target = table.view.row(row)
        for index in 0..<half {
          // The angle is rounded to float32 first: so do the models this must agree with.
          let angle = Float(positions[row]) * frequencies[index]
          target[index] = cosf(angle)
          target[half + index] = sinf(angle)
        }
      }
    }
    known.withLock { known in
      if known.count == Self.most { known.removeFirst() }
      known.append((positions, table))
    }
    return table
  }
}
