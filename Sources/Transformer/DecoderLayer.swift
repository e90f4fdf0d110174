import Checkpoints
import Kernels

/// One decoder layer, forward and backward.
///
///     m = x + O·attention(rotary(Q·n₁), rotary(K·n₁), V·n₁),  n₁ = RMSNorm(x)
///     y = m + D·(f(G·n₂) ∘ U·n₂),                             n₂ = RMSNorm(m)
///
/// Some families have biases in the projections, a norm of each head of queries and keys before the rotary embedding, or
/// a norm of what O and D give before it is added.
struct DecoderLayer {
  let configuration: ModelConfiguration
  let weights: LayerWeights
  let adapter: [Projection: LowRankPair]
  let dropout: LayerDropout?
  let rotary: RotaryEmbedding
  /// Keys that a query sees at most; nil for all.
  let window: Int?
  let products: Products
  /// Rows that what comes behind attention is computed for, m of them; nil for all n.
  var reading: ReadRows?

  private var attention: Attention {
    Attention(
      heads: configuration.heads, keyHeads: configuration.keyHeads, headDimension: configuration.headDimension,
      scale: configuration.attentionScale, window: window)
  }

  private func linear(_ projection: Projection) -> AdaptedLinear {
    let update = adapter[projection]
    let isRead = [.output, .gate, .up, .down].contains(projection)
    func keys(_ dropout: LayerDropout) -> [UInt64] {
      guard isRead, let reading else { return dropout.keys }
      return reading.rows.map { dropout.keys[$0] }
    }
    return AdaptedLinear(
      weight: weights[projection], bias: weights.bias(of: projection), update: update,
      dropout: update == nil ? nil : dropout.map { RowDropout(mask: $0.mask(projection), keys: keys($0)) },
      products: products)
  }

  /// Projections of the same input, which is made some rows at a time.
  /// - Parameter again: whether the narrow activations are there from an earlier pass over the same rows.
  private func forward(
    _ projections: [(Projection, Matrix)], _ narrow: NarrowActivations, again: Bool = false, rows: Int, columns: Int,
    _ make: (_ rows: Range<Int>, _ target: MatrixView) -> Void
  ) {
    var layers = projections.map { projection, y in
      (linear: linear(projection), y: y.view, narrow: again ? narrow.inputs[projection] : nil)
    }
    let narrowings = layers.map { $0.narrow == nil ? $0.linear.narrowing(rows: rows) : nil }
    let isReadInPieces = zip(layers, narrowings).allSatisfy {
      $0.linear.update == nil || $0.narrow != nil || $1 != nil
    }
    let packed =
      isReadInPieces
      ? products.packedRows(rows, for: projections.map { weights[$0.0] }) { range, target in
        make(range, target)
        for case let narrowing? in narrowings { narrowing.take(range, target) }
      } : nil
    let x: SharedRows
    if let packed {
      x = packed
      for (index, narrowing) in narrowings.enumerated() {
        if let narrowing { layers[index].narrow = narrowing.result }
      }
    } else {
      let whole = Matrix(uninitializedRows: rows, columns: columns)
      products.pool.ranges(rows, minimum: 8) { range, _ in make(range, whole.view.rows(range)) }
      x = SharedRows(whole.view)
    }
    let inputs = AdaptedLinear.forward(x, layers, products: products)
    for ((projection, _), input) in zip(projections, inputs) { narrow.inputs[projection] = input }
  }

  /// Projections of what a norm makes of the stream.
  private func forward(
    _ stream: Matrix, _ weight: [Float], _ projections: [(Projection, Matrix)], _ narrow: NarrowActivations,
    again: Bool
  ) {
    forward(projections, narrow, again: again, rows: stream.rows, columns: stream.columns) { rows, target in
      RootMeanSquareNorm.forward(
        stream.view.rows(rows), weight: weight, epsilon: configuration.normEpsilon, into: target)
    }
  }

  /// The projection of the gated product.
  private func forwardDown(_ activations: LayerActivations, into y: Matrix, again: Bool = false) {
    let (gate, up) = (activations.feedForward.gate, activations.feedForward.up)
    forward([(.down, y)], activations.narrow, again: again, rows: gate.rows, columns: gate.columns) { rows, target in
      GatedActivation.forward(
        configuration.activation, gate: gate.view.rows(rows), up: up.view.rows(rows), into: target)
    }
  }

  private func normalized(_ x: Matrix, _ weight: [Float]) -> SharedRows {
    let result = Matrix(uninitializedRows: x.rows, columns: x.columns)
    RootMeanSquareNorm.forward(
      x.view, weight: weight, epsilon: configuration.normEpsilon, into: result.view, pool: products.pool)
    return SharedRows(result.view)
  }

  /// Forward: replaces the residual stream by what the layer makes of it, unless only some rows are read.
  /// - Parameters:
  ///   - stream: [n, D].
  ///   - positions: n positions.
  ///   - activations: filled; `input` too.
  ///   - groups: called once keys and values are there, to say which queries see which of them.
  /// - Returns: the stream behind the layer, of the rows that are read.
  @discardableResult func forward(
    _ stream: Matrix, positions: [Int32], activations: LayerActivations,
    groups: (_ keys: Matrix, _ values: Matrix) -> [AttentionGroup]
  ) -> Matrix {
    attend(stream, positions: positions, activations: activations, groups: groups)
    expand(activations)
    let output = reading.map { Matrix(uninitializedRows: $0.rows.count, columns: stream.columns) } ?? stream
    let projected = activations.feedForward.projected ?? output
    forwardDown(activations, into: projected)
    normalize(projected, weights.feedForwardOutputNorm, into: output)
    Elementwise.add(activations.attention.middle.view, to: output.view, pool: products.pool)
    return output
  }

  /// The rows of a matrix that are read; the matrix itself if all are.
  private func read(_ x: Matrix) -> Matrix { reading?.gathered(x) ?? x }

  /// A norm that the family may have, of each head or whole row, whatever the weight is for; both matrices may be the
  /// same.
  private func normalize(_ x: Matrix, _ weight: [Float]?, into y: Matrix) {
    guard let weight else { return }
    RootMeanSquareNorm.forward(
      x.view.pieces(weight.count), weight: weight, epsilon: configuration.normEpsilon,
      into: y.view.pieces(weight.count),
      pool: products.pool)
  }

  /// The attention half, forward: fills its activations.
  /// - Parameter again: whether the layer has gone forward with these activations before.
  func attend(
    _ stream: Matrix, positions: [Int32], activations: LayerActivations, again: Bool = false,
    groups: (_ keys: Matrix, _ values: Matrix) -> [AttentionGroup]
  ) {
    let pool = products.pool
    let narrow = activations.narrow
    let activations = activations.attention
    Elementwise.copy(stream.view, into: activations.input.view, pool: pool)
    let queries = activations.rawQueries ?? activations.queries
    let keys = activations.rawKeys ?? activations.keys
    forward(
      stream, weights.attentionNorm, [(.query, queries), (.key, keys), (.value, activations.values)], narrow,
      again: again)
    normalize(queries, weights.queryNorm, into: activations.queries)
    normalize(keys, weights.keyNorm, into: activations.keys)
    rotary.apply(activations.queries.view, positions: positions, pool: pool)
    rotary.apply(activations.keys.view, positions: positions, pool: pool)
    attention.forward(
      queries: activations.queries.view, groups: groups(activations.keys, activations.values),
      into: activations.attended.view, normalizers: activations.normalizers?.view, products: products)
    let projected = activations.projected ?? activations.middle
    let attended = read(activations.attended)
    forward([(.output, projected)], narrow, again: again, rows: attended.rows, columns: attended.columns) {
      Elementwise.copy(attended.view.rows($0), into: $1)
    }
    normalize(projected, weights.attentionOutputNorm, into: activations.middle)
    Elementwise.add(read(stream).view, to: activations.middle.view, pool: pool)
  }

  /// The wide part of the feed-forward half: fills its activations from the stream in the middle.
  func expand(_ activations: LayerActivations, again: Bool = false) {
    let feedForward = activations.feedForward
    forward(
      activations.attention.middle, weights.feedForwardNorm, [(.gate, feedForward.gate), (.up, feedForward.up)],
      activations.narrow, again: again)
  }

  /// What the backward pass wants of the feed-forward half, again from the stream in the middle.
  func recomputeFeedForward(_ activations: LayerActivations) {
    expand(activations, again: true)
    guard let projected = activations.feedForward.projected else { return }
    forwardDown(activations, into: projected, again: true)
  }

  private func gatedProduct(_ activations: FeedForwardActivations) -> Matrix {
    let gated = Matrix(uninitializedRows: activations.gate.rows, columns: activations.gate.columns)
    GatedActivation.forward(
      configuration.activation, gate: activations.gate.view, up: activations.up.view, into: gated.view,
      pool: products.pool)
    return gated
  }

  /// Backward: turns the gradient to the layer's output into that to its input. Spoils the activations and the gradient.
  /// - Parameters:
  ///   - gradient: of the rows that are read, [m, D].
  ///   - packing: the layout of the forward pass.
  ///   - updates: where the adapter's gradients are summed.
  ///   - reachesInput: whether anything below this layer is trained; if not, the gradient stops at the lowest
  ///     projection that is, and what is returned is undefined.
  /// - Returns: the gradient to the layer's input, [n, D].
  func backward(
    _ gradient: Matrix, positions: [Int32], activations: LayerActivations, packing: [SegmentRows],
    updates: [Projection: LowRankPair], reachesInput: Bool
  ) -> Matrix {
    let attentionIsTrained = adapter.keys.contains { $0.isAttention }
    feedForwardBackward(
      gradient, activations: activations, updates: updates, reachesMiddle: reachesInput || attentionIsTrained)
    guard reachesInput || attentionIsTrained else { return gradient }
    return attentionBackward(
      gradient, positions: positions, activations: activations, packing: packing, updates: updates,
      reachesInput: reachesInput)
  }

  private func feedForwardBackward(
    _ gradient: Matrix, activations: LayerActivations, updates: [Projection: LowRankPair], reachesMiddle: Bool
  ) {
    let pool = products.pool
    let gatedGradient = Matrix(uninitializedRows: gradient.rows, columns: configuration.intermediateSize)
    let gated = adapter[.down] == nil ? nil : gatedProduct(activations.feedForward)
    let projectedGradient = normGradient(
      activations.feedForward.projected, weights.feedForwardOutputNorm, outputGradient: gradient)
    linear(.down).backward(
      SharedRows(gated?.view ?? gatedGradient.view), narrow: activations.narrow.inputs[.down],
      outputGradient: projectedGradient.view, gradient: updates[.down], adding: false, into: gatedGradient.view)
    GatedActivation.backward(
      configuration.activation, outputGradient: gatedGradient.view, gate: activations.feedForward.gate.view,
      up: activations.feedForward.up.view, pool: pool)
    let second = normalized(activations.attention.middle, weights.feedForwardNorm)
    let secondGradient =
      reachesMiddle ? Matrix(uninitializedRows: gradient.rows, columns: gradient.columns) : nil
    for (projection, outputGradient) in [
      (Projection.gate, activations.feedForward.gate), (.up, activations.feedForward.up),
    ] {
      linear(projection).backward(
        second, narrow: activations.narrow.inputs[projection], outputGradient: outputGradient.view,
        gradient: updates[projection], adding: projection != .gate, into: secondGradient?.view)
    }
    guard let secondGradient else { return }
    RootMeanSquareNorm.backward(
      activations.attention.middle.view, weight: weights.feedForwardNorm, epsilon: configuration.normEpsilon,
      outputGradient: secondGradient.view, addingTo: gradient.view, pool: pool)
  }

  /// The gradient before a norm that the family may have; the gradient itself where it has none.
  private func normGradient(_ input: Matrix?, _ weight: [Float]?, outputGradient: Matrix) -> Matrix {
    guard let input, let weight else { return outputGradient }
    let result = Matrix(rows: input.rows, columns: input.columns)
    let width = weight.count
    RootMeanSquareNorm.backward(
      input.view.pieces(width), weight: weight, epsilon: configuration.normEpsilon,
      outputGradient: outputGradient.view.pieces(width), addingTo: result.view.pieces(width), pool: products.pool)
    return result
  }

  private func attentionBackward(
    _ gradient: Matrix, positions: [Int32], activations: LayerActivations, packing: [SegmentRows],
    updates: [Projection: LowRankPair], reachesInput: Bool
  ) -> Matrix {
    let narrow = activations.narrow.inputs
    let activations = activations.attention
    guard let normalizers = activations.normalizers else { return gradient }
    let pool = products.pool
    let projectedGradient = normGradient(
      activations.projected, weights.attentionOutputNorm, outputGradient: gradient)
    let readGradient = Matrix(uninitializedRows: gradient.rows, columns: activations.attended.columns)
    linear(.output).backward(
      SharedRows(read(activations.attended).view), narrow: narrow[.output], outputGradient: projectedGradient.view,
      gradient: updates[.output], adding: false, into: readGradient.view)
    let attendedGradient = reading?.scattered(readGradient) ?? readGradient
    let gradient = reading?.scattered(gradient) ?? gradient
    let queryGradient = Matrix(uninitializedRows: gradient.rows, columns: activations.queries.columns)
    let keyGradient = Matrix(uninitializedRows: gradient.rows, columns: activations.keys.columns)
    let valueGradient = Matrix(uninitializedRows: gradient.rows, columns: activations.values.columns)
    attention.backward(
      queries: activations.queries.view, keys: activations.keys.view, values: activations.values.view,
      packing: packing, outputs: activations.attended.view, normalizers: normalizers.view,
      outputGradient: attendedGradient.view, queryGradient: queryGradient.view,
      keyGradient: keyGradient.view, valueGradient: valueGradient.view, products: products)
    rotary.apply(queryGradient.view, positions: positions, backward: true, pool: pool)
    rotary.apply(keyGradient.view, positions: positions, backward: true, pool: pool)
    let first = normalized(activations.input, weights.attentionNorm)
    let firstGradient =
      reachesInput ? Matrix(uninitializedRows: gradient.rows, columns: gradient.columns) : nil
    for (projection, outputGradient) in [
      (Projection.query, normGradient(activations.rawQueries, weights.queryNorm, outputGradient: queryGradient)),
      (.key, normGradient(activations.rawKeys, weights.keyNorm, outputGradient: keyGradient)),
      (.value, valueGradient),
    ] {
      linear(projection).backward(
        first, narrow: narrow[projection], outputGradient: outputGradient.view, gradient: updates[projection],
        adding: projection != .query, into: firstGradient?.view)
    }
    guard let firstGradient else { return gradient }
    RootMeanSquareNorm.backward(
      activations.input.view, weight: weights.attentionNorm, epsilon: configuration.normEpsilon,
      outputGradient: firstGradient.view, addingTo: gradient.view, pool: pool)
    return gradient
  }
}

/// Dropout of one layer in one step.
struct LayerDropout {
  let rate: Float
  let seed: UInt64
  let layer: Int
  let keys: [UInt64]

  func mask(_ projection: Projection) -> DropoutMask {
    let place = UInt64(layer * Projection.allCases.count + (Projection.allCases.firstIndex(of: projection) ?? 0) + 1)
    return DropoutMask(rate: rate, seed: SplitMix64.mixed(seed &+ place &* 0x9E37_79B9_7F4A_7C15))
  }
}
