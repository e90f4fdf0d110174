import Checkpoints
import Kernels

/// A frozen linear layer with, perhaps, a bias and a trainable low-rank update: y = W·x + b + s·B·A·drop(x).
struct AdaptedLinear {
  let weight: WeightMatrix
  /// b, [out]; it has no part in any gradient.
  let bias: [Float]?
  let update: LowRankPair?
  /// Dropout of the update's input; nil outside training.
  let dropout: (mask: DropoutMask, keys: [UInt64])?
  let products: Products

  /// Forward. x: [n, in]; y: [n, out], overwritten.
  /// - Returns: A·drop(x), [n, r], which the backward pass wants to know again; nil without an update.
  @discardableResult
  func forward(_ x: SharedRows, into y: MatrixView) -> Matrix? {
    products.linear(x, weight, into: y)
    return addBiasAndUpdate(x, to: y)
  }

  /// Forward of several layers with the same input.
  /// - Returns: what `forward` of each returns.
  static func forward(
    _ x: SharedRows, _ layers: [(linear: AdaptedLinear, y: MatrixView)], products: Products
  ) -> [Matrix?] {
    products.linear(x, layers.map { ($0.linear.weight, $0.y) })
    return layers.map { $0.linear.addBiasAndUpdate(x, to: $0.y) }
  }

  private func addBiasAndUpdate(_ x: SharedRows, to y: MatrixView) -> Matrix? {
    if let bias { Elementwise.add(bias, toEachRowOf: y, pool: products.pool) }
    guard let update, y.rows > 0 else { return nil }
    let narrow = withDropped(x) { projected($0, update) }
    products.multiply(narrow.view, update.b.view, transposeB: true, alpha: update.scale, beta: 1, into: y)
    return narrow
  }

  /// A·x, [n, r].
  private func projected(_ x: SharedRows, _ update: LowRankPair) -> Matrix {
    let narrow = Matrix(uninitializedRows: x.view.rows, columns: update.a.rows)
    products.multiply(x, update.a.view, transposeB: true, into: narrow.view)
    return narrow
  }

  /// Calls `body` with the update's input: x itself, or a copy with entries dropped.
  private func withDropped<Result>(_ x: SharedRows, _ body: (SharedRows) -> Result) -> Result {
    guard let dropout else { return body(x) }
    let copy = Matrix(uninitializedRows: x.view.rows, columns: x.view.columns)
    dropout.mask.apply(x.view, keys: dropout.keys, into: copy.view, pool: products.pool)
    return body(SharedRows(copy.view))
  }

  /// Backward: adds to the update's gradient, and to the input's where it is asked for.
  ///
  /// dB += s·dYᵀ·(A·drop(x));  G = s·dY·B;  dA += Gᵀ·drop(x);  dX += dY·W + drop(G·A).
  /// - Parameters:
  ///   - x: the forward pass's input, [n, in]; read only if there is an update.
  ///   - outputGradient: dY, [n, out].
  ///   - gradient: where the update's gradients are summed; nil if they are not wanted.
  ///   - narrow: what `forward` returned.
  ///   - adding: whether dX is added to; otherwise it is overwritten.
  ///   - dx: [n, in]; nil if nothing below is trained.
  func backward(
    _ x: SharedRows, narrow: Matrix?, outputGradient: MatrixView, gradient: LowRankPair?, adding: Bool,
    into dx: MatrixView?
  ) {
    let dy = SharedRows(outputGradient)
    if let dx { products.linearBackward(dy, weight, adding: adding, into: dx) }
    guard let update, outputGradient.rows > 0 else { return }
    let g = Matrix(uninitializedRows: outputGradient.rows, columns: update.b.columns)
    products.multiply(dy, update.b.view, alpha: update.scale, into: g.view)
    if let gradient, let narrow {
      products.multiply(
        outputGradient, narrow.view, transposeA: true, alpha: update.scale, beta: 1, into: gradient.b.view)
      withDropped(x) { input in
        products.multiply(g.view, input.view, transposeA: true, beta: 1, into: gradient.a.view)
      }
    }
    guard let dx else { return }
    guard let dropout else { return products.multiply(g.view, update.a.view, beta: 1, into: dx) }
    let back = Matrix(uninitializedRows: dx.rows, columns: dx.columns)
    products.multiply(g.view, update.a.view, into: back.view)
    // The mask is its own gradient: it scales the same entries.
    dropout.mask.apply(back.view, keys: dropout.keys, into: back.view, pool: products.pool)
    Elementwise.add(back.view, to: dx, pool: products.pool)
  }
}
