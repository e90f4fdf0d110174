/// What a feed-forward layer's gate goes through.
public enum GateActivation: Sendable, Equatable {
  /// silu(g) = g·σ(g).
  case silu
  /// GELU with the tanh approximation (Hendrycks & Gimpel, arXiv 1606.08415):
  /// gelu(g) = g/2·(1 + tanh z) = g·σ(2z), z = √(2/π)·(g + 0.044715·g³).
  case geluTanh
}

/// A gated feed-forward layer (Shazeer, arXiv 2002.05202): y = f(g) ∘ u.
public enum GatedActivation {
  /// Forward. gate, up, y: [n, F]; y may be gate or up.
  /// - Parameter pool: threads to share the work; nil for the calling one alone.
  public static func forward(
    _ activation: GateActivation = .silu, gate: MatrixView, up: MatrixView, into y: MatrixView,
    pool: WorkerPool? = nil
  ) {
    precondition(gate.rows == up.rows && gate.columns == up.columns && y.rows == gate.rows && y.columns == gate.columns)
    switch activation {
    case .silu: forward(SiLU.self, gate, up, y, pool)
    case .geluTanh: forward(TanhGELU.self, gate, up, y, pool)
    }
  }

  /// Backward. On return `gate` and `up` hold the gradients to themselves: dg = dy ∘ u ∘ f′(g), du = dy ∘ f(g).
  public static func backward(
    _ activation: GateActivation = .silu, outputGradient dy: MatrixView, gate: MatrixView, up: MatrixView,
    pool: WorkerPool
  ) {
    precondition(
      gate.rows == up.rows && gate.columns == up.columns && dy.rows == gate.rows && dy.columns == gate.columns)
    switch activation {
    case .silu: backward(SiLU.self, dy, gate, up, pool)
    case .geluTanh: backward(TanhGELU.self, dy, gate, up, pool)
    }
  }

  private static func forward<Function: GateFunction>(
    _ function: Function.Type, _ gate: MatrixView, _ up: MatrixView, _ y: MatrixView, _ pool: WorkerPool?
  ) {
    func forward(_ range: Range<Int>) {
      for row in range {
        let g = gate.row(row)
        let u = up.row(row)
        let target = y.row(row)
        var index = 0
        while index + 16 <= gate.columns {
          VectorMath.store(
            Function.value(VectorMath.load(g + index)) * VectorMath.load(u + index), target + index)
          index += 16
        }
        while index < gate.columns {
          target[index] = Function.value(.init(repeating: g[index]))[0] * u[index]
          index += 1
        }
      }
    }
    guard let pool else { return forward(0..<gate.rows) }
    pool.ranges(gate.rows, minimum: 2) { range, _ in forward(range) }
  }

  private static func backward<Function: GateFunction>(
    _ function: Function.Type, _ dy: MatrixView, _ gate: MatrixView, _ up: MatrixView, _ pool: WorkerPool
  ) {
    pool.ranges(gate.rows, minimum: 2) { range, _ in
      for row in range {
        let gradient = dy.row(row)
        let g = gate.row(row)
        let u = up.row(row)
        var index = 0
        while index + 16 <= gate.columns {
          let pull = VectorMath.load(gradient + index)
          let (value, slope) = Function.valueAndSlope(VectorMath.load(g + index))
          VectorMath.store(pull * VectorMath.load(u + index) * slope, g + index)
          VectorMath.store(pull * value, u + index)
          index += 16
        }
        while index < gate.columns {
          let (value, slope) = Function.valueAndSlope(.init(repeating: g[index]))
          g[index] = gradient[index] * u[index] * slope[0]
          u[index] = gradient[index] * value[0]
          index += 1
        }
      }
    }
  }
}

/// A function of the gate and its derivative, lane by lane.
private protocol GateFunction {
  static func value(_ g: VectorMath.Vector) -> VectorMath.Vector
  static func valueAndSlope(_ g: VectorMath.Vector) -> (VectorMath.Vector, VectorMath.Vector)
}

private enum SiLU: GateFunction {
  @inline(__always)
  static func value(_ g: VectorMath.Vector) -> VectorMath.Vector { g * VectorMath.logistic(g) }

  /// silu′(g) = σ(g)·(1 + g·(1 − σ(g))).
  @inline(__always)
  static func valueAndSlope(_ g: VectorMath.Vector) -> (VectorMath.Vector, VectorMath.Vector) {
    let sigma = VectorMath.logistic(g)
    return (g * sigma, sigma * (1 + g * (1 - sigma)))
  }
}

private enum TanhGELU: GateFunction {
  @inline(__always)
  static func value(_ g: VectorMath.Vector) -> VectorMath.Vector { g * VectorMath.logistic(exponent(g).value) }

  /// gelu′(g) = s + g·s·(1 − s)·2z′, s = σ(2z).
  @inline(__always)
  static func valueAndSlope(_ g: VectorMath.Vector) -> (VectorMath.Vector, VectorMath.Vector) {
    let exponent = exponent(g)
    let sigma = VectorMath.logistic(exponent.value)
    return (g * sigma, sigma + g * sigma * (1 - sigma) * exponent.slope)
  }

  /// 2z = 2√(2/π)·(g + 0.044715·g³) and its derivative. Beyond ±10 the logistic function of it is flat to the last
  /// digit; there it is taken at ±10, so that large gates have no infinite cube.
  @inline(__always)
  private static func exponent(_ g: VectorMath.Vector) -> (value: VectorMath.Vector, slope: VectorMath.Vector) {
    let limit = VectorMath.Vector(repeating: 10)
    var bounded = g
    bounded.replace(with: -limit, where: g .< -limit)
    bounded.replace(with: limit, where: g .> limit)
    let square = bounded * bounded
    return (bounded * (1.595_769_1 + square * 0.071_354_82), 1.595_769_1 + square * 0.214_064_45)
  }
}
