/// RMSNorm, row by row: y = w ∘ x / √(mean(x²) + ε)  (Zhang & Sennrich, arXiv 1910.07467).
public enum RootMeanSquareNorm {
  /// Forward. x, y: [n, D]; weight: D floats. y may be x.
  /// - Parameter pool: threads to share the work; nil for the calling one alone.
  public static func forward(
    _ x: MatrixView, weight: [Float], epsilon: Float, into y: MatrixView, pool: WorkerPool? = nil
  ) {
    precondition(weight.count == x.columns && y.rows == x.rows && y.columns == x.columns)
    weight.withUnsafeBufferPointer { weight in
      guard let w = weight.baseAddress else { return }
      func forward(_ range: Range<Int>) {
        for row in range {
          let source = x.row(row)
          let target = y.row(row)
          let scale = inverseRoot(source, x.columns, epsilon)
          var index = 0
          while index + 16 <= x.columns {
            VectorMath.store(
              VectorMath.load(source + index) * scale * VectorMath.load(w + index), target + index)
            index += 16
          }
          while index < x.columns {
            target[index] = source[index] * scale * w[index]
            index += 1
          }
        }
      }
      guard let pool else { return forward(0..<x.rows) }
      pool.ranges(x.rows, minimum: 8) { range, _ in forward(range) }
    }
  }

  /// Backward to the input, with r = 1/√(mean(x²) + ε):  dx ← dx + r·(w∘dy) − x·r³/D·Σ(w∘dy∘x).
  /// x, dy, dx: [n, D].
  public static func backward(
    _ x: MatrixView, weight: [Float], epsilon: Float, outputGradient dy: MatrixView, addingTo dx: MatrixView,
    pool: WorkerPool
  ) {
    precondition(weight.count == x.columns && dy.rows == x.rows && dx.rows == x.rows && dx.columns == x.columns)
    weight.withUnsafeBufferPointer { weight in
      guard let w = weight.baseAddress else { return }
      pool.ranges(x.rows, minimum: 8) { range, _ in
        for row in range {
          let input = x.row(row)
          let gradient = dy.row(row)
          let target = dx.row(row)
          let scale = inverseRoot(input, x.columns, epsilon)
          var sum = VectorMath.Vector.zero
          var index = 0
          while index + 16 <= x.columns {
            sum += VectorMath.load(w + index) * VectorMath.load(gradient + index) * VectorMath.load(input + index)
            index += 16
          }
          var total = VectorMath.sum(sum)
          while index < x.columns {
            total += w[index] * gradient[index] * input[index]
            index += 1
          }
          let pull = total * scale * scale * scale / Float(x.columns)
          index = 0
          while index + 16 <= x.columns {
            let part = VectorMath.load(w + index) * VectorMath.load(gradient + index) * scale
            VectorMath.store(
              VectorMath.load(target + index) + (part - VectorMath.load(input + index) * pull), target + index)
            index += 16
          }
          while index < x.columns {
            target[index] += w[index] * gradient[index] * scale - input[index] * pull
            index += 1
          }
        }
      }
    }
  }

  @inline(__always)
  private static func inverseRoot(_ x: UnsafePointer<Float>, _ count: Int, _ epsilon: Float) -> Float {
    1 / (VectorMath.dot(x, x, count) / Float(count) + epsilon).squareRoot()
  }
}
