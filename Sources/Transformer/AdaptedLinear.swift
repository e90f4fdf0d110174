import Checkpoints
import Kernels

/// A frozen linear layer with, perhaps, a trainable low-rank update: y = W·x + s·B·A·drop(x).
struct AdaptedLinear {
  let weight: WeightMatrix
  let update: LowRankPair?
  /// Dropout of the update's input; nil outside training.
  let dropout: (mask: DropoutMask, keys: [UInt64])?
  let products: Products

  /// Forward. x: [n, in]; y: [n, out], overwritten.
  func forward(_ x: MatrixView, into y: MatrixView) {
    products.linear(x, weight, into: y)
    addUpdate(x, to: y)
  }

  /// Forward of several layers with the same input.
  static func forward(_ x: MatrixView, _ layers: [(linear: AdaptedLinear, y: MatrixView)], products: Products) {
    products.linear(x, layers.map { ($0.linear.weight, $0.y) })
    for layer in layers { layer.linear.addUpdate(x, to: layer.y) }
  }

  private func addUpdate(_ x: MatrixView, to y: MatrixView) {
    guard let update, x.rows > 0 else { return }
    let narrow = withDropped(x) { projected($0, update) }
    products.multiply(narrow.view, update.b.view, transposeB: true, alpha: update.scale, beta: 1, into: y)
  }

  /// A·x, [n, r].
  private func projected(_ x: MatrixView, _ update: LowRankPair) -> Matrix {
    let narrow = Matrix(rows: x.rows, columns: update.a.rows)
    products.multiply(x, update.a.view, transposeB: true, into: narrow.view)
    return narrow
  }

  /// Calls `body` with the update's input: x itself, or a copy with entries dropped.
  private func withDropped<Result>(_ x: MatrixView, _ body: (MatrixView) -> Result) -> Result {
    guard let dropout else { return body(x) }
    let copy = Matrix(rows: x.rows, columns: x.columns)
    dropout.mask.apply(x, keys: dropout.keys, into: copy.view, pool: products.pool)
    return body(copy.view)
  }

  /// Backward: adds to the update's gradient, and to the input's where it is asked for.
  ///
  /// dB += s·dYᵀ·(A·drop(x));  G = s·dY·B;  dA += Gᵀ·drop(x);  dX += dY·W + drop(G·A).
  /// - Parameters:
  ///   - x: the forward pass's input, [n, in]; read only if there is an update.
  ///   - dy: [n, out].
  ///   - gradient: where the update's gradients are summed; nil if they are not wanted.
  ///   - dx: [n, in], added to; nil if nothing below is trained.
  func backward(_ x: MatrixView, outputGradient dy: MatrixView, gradient: LowRankPair?, addingTo dx: MatrixView?) {
    if let dx { products.linearBackward(dy, weight, addingTo: dx) }
    guard let update, dy.rows > 0 else { return }
    let g = Matrix(rows: dy.rows, columns: update.b.columns)
    products.multiply(dy, update.b.view, alpha: update.scale, into: g.view)
    if let gradient {
      withDropped(x) { input in
        let narrow = projected(input, update)
        products.multiply(dy, narrow.view, transposeA: true, alpha: update.scale, beta: 1, into: gradient.b.view)
        products.multiply(g.view, input, transposeA: true, beta: 1, into: gradient.a.view)
      }
    }
    guard let dx else { return }
    guard let dropout else { return products.multiply(g.view, update.a.view, beta: 1, into: dx) }
    let back = Matrix(rows: dx.rows, columns: dx.columns)
    products.multiply(g.view, update.a.view, into: back.view)
    // The mask is its own gradient: it scales the same entries.
    dropout.mask.apply(back.view, keys: dropout.keys, into: back.view, pool: products.pool)
    Elementwise.add(back.view, to: dx, pool: products.pool)
  }
}
