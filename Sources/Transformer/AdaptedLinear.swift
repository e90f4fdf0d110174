import Checkpoints
import Kernels

/// A frozen linear layer with, perhaps, a bias and a trainable low-rank update: y = W·x + b + s·B·A·drop(x).
struct AdaptedLinear {
  let weight: WeightMatrix
  /// b, [out]; it has no part in any gradient.
  let bias: [Float]?
  let update: LowRankPair?
  /// Dropout of the update's input; nil outside training.
  let dropout: RowDropout?
  let products: Products

  /// Forward of several layers with the same input. x: [n, in]; y: [n, out], overwritten.
  /// - Parameter layers: with what this returned for the same input before, if it is known.
  /// - Returns: for each A·drop(x), [n, p] with p ≥ r, which the backward pass wants to know again; nil without an update.
  static func forward(
    _ x: SharedRows, _ layers: [(linear: AdaptedLinear, y: MatrixView, narrow: Matrix?)], products: Products
  ) -> [Matrix?] {
    let lanes = layers.map { $0.linear.narrowProducts(rows: x.rows) }
    guard lanes.contains(where: { $0 != nil }) else {
      products.linear(x, layers.map { ($0.linear.weight, $0.y) })
      return layers.map { $0.linear.addBiasAndUpdate(x, to: $0.y, narrow: $0.narrow) }
    }
    return zip(layers, lanes).map { layer, lanes in
      let (linear, y, known) = layer
      guard let update = linear.update, let lanes else {
        products.linear(x, linear.weight, into: y)
        return linear.addBiasAndUpdate(x, to: y, narrow: known)
      }
      let narrow = known ?? linear.narrowed(x, update, lanes)
      products.linear(
        x, linear.weight, update: LowRankUpdate(narrow: narrow.view, b: update.b.view, scale: update.scale), into: y)
      if let bias = linear.bias { Elementwise.add(bias, toEachRowOf: y, pool: products.pool) }
      return narrow
    }
  }

  /// A·drop(x), [n, p].
  private func narrowed(_ x: SharedRows, _ update: LowRankPair, _ lanes: NarrowProducts) -> Matrix {
    let narrow = Matrix(uninitializedRows: x.rows, columns: NarrowProducts.columns(rank: update.a.rows))
    lanes.project(x.view, dropout: dropout, NarrowProducts.transposed(update.a.view).view, into: narrow.view)
    return narrow
  }

  /// Makes A·drop(x), [n, p], of some rows of x at a time; nil where the update wants all of them, or there is none.
  func narrowing(rows: Int) -> (result: Matrix, take: (_ rows: Range<Int>, _ x: MatrixView) -> Void)? {
    guard let update, narrowProducts(rows: rows) != nil else { return nil }
    let factor = NarrowProducts.transposed(update.a.view)
    let result = Matrix(uninitializedRows: rows, columns: factor.columns)
    return (
      result,
      { rows, x in
        NarrowProducts.project(
          x, firstRow: rows.lowerBound, dropout: dropout, factor.view, into: result.view.rows(rows))
      }
    )
  }

  /// Products in lanes for the update, where they are worth it.
  private func narrowProducts(rows: Int) -> NarrowProducts? {
    guard let update, rows > 0 else { return nil }
    return products.narrow(rows: rows, rank: update.a.rows, columns: [update.a.columns, update.b.rows])
  }

  private func addBiasAndUpdate(_ x: SharedRows, to y: MatrixView, narrow: Matrix?) -> Matrix? {
    if let bias { Elementwise.add(bias, toEachRowOf: y, pool: products.pool) }
    guard let update, y.rows > 0 else { return nil }
    let narrow = narrow ?? withDropped(x) { projected($0, update) }
    products.multiply(narrow.view, update.b.view, transposeB: true, alpha: update.scale, beta: 1, into: y)
    return narrow
  }

  /// A·x, [n, r].
  private func projected(_ x: SharedRows, _ update: LowRankPair) -> Matrix {
    let narrow = Matrix(uninitializedRows: x.rows, columns: update.a.rows)
    products.multiply(x, update.a.view, transposeB: true, into: narrow.view)
    return narrow
  }

  /// Calls `body` with the update's input: x itself, or a copy with entries dropped.
  private func withDropped<Result>(_ x: SharedRows, _ body: (SharedRows) -> Result) -> Result {
    guard let dropout else { return body(x) }
    let copy = Matrix(uninitializedRows: x.rows, columns: x.columns)
    dropout.apply(x.view, into: copy.view, pool: products.pool)
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
    if let lanes = narrowProducts(rows: outputGradient.rows) {
      return updateBackward(x, update, lanes, narrow: narrow, outputGradient: outputGradient, gradient, into: dx)
    }
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
    dropout.apply(back.view, into: back.view, pool: products.pool)
    Elementwise.add(back.view, to: dx, pool: products.pool)
  }

  /// The update's part of `backward`, in lanes.
  private func updateBackward(
    _ x: SharedRows, _ update: LowRankPair, _ lanes: NarrowProducts, narrow: Matrix?, outputGradient: MatrixView,
    _ gradient: LowRankPair?, into dx: MatrixView?
  ) {
    let b = NarrowProducts.padded(update.b.view)
    let g = Matrix(uninitializedRows: outputGradient.rows, columns: b.columns)
    lanes.project(outputGradient, b.view, alpha: update.scale, into: g.view)
    if let gradient, let narrow {
      let rank = update.a.rows
      let (scale, db, da) = (update.scale, gradient.b.view, gradient.a.view)
      let outputs = lanes.correlation(outputGradient, narrow.view).view
      for row in 0..<db.rows { for place in 0..<rank { db.row(row)[place] += scale * outputs.row(row)[place] } }
      let inputs = lanes.correlation(x.view, dropout: dropout, g.view).view
      for place in 0..<rank { for column in 0..<da.columns { da.row(place)[column] += inputs.row(column)[place] } }
    }
    if let dx { lanes.expand(g.view, update.a.view, dropout: dropout, addingTo: dx) }
  }
}
