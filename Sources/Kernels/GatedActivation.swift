/// The gate of the Llama feed-forward layer (SwiGLU, Shazeer, arXiv 2002.05202): y = silu(g) ∘ u, silu(g) = g·σ(g).
public enum GatedActivation {
  /// Forward. gate, up, y: [n, F]; y may be gate or up.
  public static func forward(gate: MatrixView, up: MatrixView, into y: MatrixView, pool: WorkerPool) {
    precondition(gate.rows == up.rows && gate.columns == up.columns && y.rows == gate.rows && y.columns == gate.columns)
    pool.ranges(gate.rows, minimum: 2) { range, _ in
      for row in range {
        let g = gate.row(row)
        let u = up.row(row)
        let target = y.row(row)
        var index = 0
        while index + 16 <= gate.columns {
          let value = VectorMath.load(g + index)
          VectorMath.store(value * VectorMath.logistic(value) * VectorMath.load(u + index), target + index)
          index += 16
        }
        while index < gate.columns {
          let value = VectorMath.Vector(repeating: g[index])
          target[index] = (value * VectorMath.logistic(value))[0] * u[index]
          index += 1
        }
      }
    }
  }

  /// Backward. On return `gate` and `up` hold the gradients to themselves:
  /// dg = dy ∘ u ∘ σ(g)(1 + g(1 − σ(g))), du = dy ∘ silu(g).
  public static func backward(outputGradient dy: MatrixView, gate: MatrixView, up: MatrixView, pool: WorkerPool) {
    precondition(
      gate.rows == up.rows && gate.columns == up.columns && dy.rows == gate.rows && dy.columns == gate.columns)
    pool.ranges(gate.rows, minimum: 2) { range, _ in
      for row in range {
        let gradient = dy.row(row)
        let g = gate.row(row)
        let u = up.row(row)
        var index = 0
        while index + 16 <= gate.columns {
          let result = derivative(
            VectorMath.load(gradient + index), VectorMath.load(g + index), VectorMath.load(u + index))
          VectorMath.store(result.gate, g + index)
          VectorMath.store(result.up, u + index)
          index += 16
        }
        while index < gate.columns {
          let result = derivative(
            .init(repeating: gradient[index]), .init(repeating: g[index]), .init(repeating: u[index]))
          g[index] = result.gate[0]
          u[index] = result.up[0]
          index += 1
        }
      }
    }
  }

  @inline(__always)
  private static func derivative(
    _ dy: VectorMath.Vector, _ g: VectorMath.Vector, _ u: VectorMath.Vector
  ) -> (gate: VectorMath.Vector, up: VectorMath.Vector) {
    let sigma = VectorMath.logistic(g)
    return (dy * u * sigma * (1 + g * (1 - sigma)), dy * g * sigma)
  }
}
