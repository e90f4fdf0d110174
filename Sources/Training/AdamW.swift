import Checkpoints
import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// AdamW (Loshchilov & Hutter, arXiv 1711.05101) in the arithmetic of PyTorch: moments in float32, corrections in
/// double precision.
public struct AdamW: Sendable {
  /// Decay of the first moment.
  public static let beta1 = 0.9
  /// Decay of the second moment.
  public static let beta2 = 0.999
  /// Keeps the denominator from zero.
  public static let epsilon = 1e-8

  /// Updates made so far.
  public internal(set) var steps: Int
  /// First moments, shaped like the adapter.
  public let first: Adapter
  /// Second moments, shaped like the adapter.
  public let second: Adapter

  /// A fresh optimiser for an adapter.
  public init(for adapter: Adapter) {
    steps = 0
    first = adapter.zeros()
    second = adapter.zeros()
  }

  init(steps: Int, first: Adapter, second: Adapter) {
    self.steps = steps
    self.first = first
    self.second = second
  }

  /// Moves the adapter one step against the gradient.
  ///
  /// m ← m + (g − m)(1 − β₁);  v ← β₂·v + (1 − β₂)·g²;  x ← x − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
  public mutating func update(_ adapter: Adapter, gradient: Adapter, learningRate: Double) {
    steps += 1
    let stepSize = Float(learningRate / (1 - pow(Self.beta1, Double(steps))))
    let correction = Float((1 - pow(Self.beta2, Double(steps))).squareRoot())
    let share1 = Float(1 - Self.beta1)
    let share2 = Float(1 - Self.beta2)
    let beta2 = Float(Self.beta2)
    let epsilon = Float(Self.epsilon)
    let parts = zip(zip(adapter.parameters, gradient.parameters), zip(first.parameters, second.parameters))
    for ((parameter, gradient), (first, second)) in parts {
      let count = parameter.matrix.rows * parameter.matrix.columns
      let x = parameter.matrix.view.base
      let g = gradient.matrix.view.base
      let m = first.matrix.view.base
      let v = second.matrix.view.base
      for index in 0..<count {
        m[index] += (g[index] - m[index]) * share1
        v[index] = v[index] * beta2 + share2 * g[index] * g[index]
        x[index] -= stepSize * m[index] / (v[index].squareRoot() / correction + epsilon)
      }
    }
  }
}

extension Adapter {
  /// √(Σ g²) over all entries, in double precision.
  public var norm: Double {
    parameters.reduce(0) { $0 + Elementwise.squaredNorm($1.matrix.view) }.squareRoot()
  }

  /// Scales all entries so that the norm is at most `limit`, as PyTorch's clip_grad_norm_ does.
  /// - Returns: the norm before.
  public func clip(norm limit: Double) -> Double {
    let before = norm
    let factor = Float(limit / (before + 1e-6))
    if factor < 1 { scale(by: factor) }
    return before
  }

  /// Multiplies all entries.
  public func scale(by factor: Float) {
    for (_, matrix) in parameters {
      let values = matrix.view.base
      for index in 0..<matrix.rows * matrix.columns { values[index] *= factor }
    }
  }
}
