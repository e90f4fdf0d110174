import Checkpoints
import Kernels

/// One decoder layer of the Llama family, forward and backward.
///
///     m = x + O·attention(rotary(Q·n₁), rotary(K·n₁), V·n₁),  n₁ = RMSNorm(x)
///     y = m + D·(silu(G·n₂) ∘ U·n₂),                          n₂ = RMSNorm(m)
struct DecoderLayer {
  let configuration: ModelConfiguration
  let weights: LayerWeights
  let adapter: [Projection: LowRankPair]
  let dropout: LayerDropout?
  let rotary: RotaryEmbedding
  let products: Products

  private var attention: Attention {
    Attention(
      heads: configuration.heads, keyHeads: configuration.keyHeads, headDimension: configuration.headDimension,
      scale: 1 / Float(configuration.headDimension).squareRoot())
  }

  private func linear(_ projection: Projection) -> AdaptedLinear {
    let update = adapter[projection]
    return AdaptedLinear(
      weight: weights[projection], update: update,
      dropout: update == nil ? nil : dropout.map { ($0.mask(projection), $0.keys) }, products: products)
  }

  private func normalized(_ x: Matrix, _ weight: [Float]) -> Matrix {
    let result = Matrix(rows: x.rows, columns: x.columns)
    RootMeanSquareNorm.forward(
      x.view, weight: weight, epsilon: configuration.normEpsilon, into: result.view, pool: products.pool)
    return result
  }

  /// Forward: replaces the residual stream by what the layer makes of it.
  /// - Parameters:
  ///   - stream: [n, D].
  ///   - positions: n positions.
  ///   - activations: filled; `input` too.
  ///   - groups: called once keys and values are there, to say which queries see which of them.
  func forward(
    _ stream: Matrix, positions: [Int32], activations: LayerActivations,
    groups: (_ keys: Matrix, _ values: Matrix) -> [AttentionGroup]
  ) {
    let pool = products.pool
    Elementwise.copy(stream.view, into: activations.input.view)
    let first = normalized(stream, weights.attentionNorm)
    AdaptedLinear.forward(
      first.view,
      [
        (linear(.query), activations.queries.view), (linear(.key), activations.keys.view),
        (linear(.value), activations.values.view),
      ], products: products)
    rotary.apply(activations.queries.view, positions: positions, pool: pool)
    rotary.apply(activations.keys.view, positions: positions, pool: pool)
    attention.forward(
      queries: activations.queries.view, groups: groups(activations.keys, activations.values),
      into: activations.attended.view, products: products)
    linear(.output).forward(activations.attended.view, into: activations.middle.view)
    Elementwise.add(stream.view, to: activations.middle.view, pool: pool)

    let second = normalized(activations.middle, weights.feedForwardNorm)
    AdaptedLinear.forward(
      second.view, [(linear(.gate), activations.gate.view), (linear(.up), activations.up.view)], products: products)
    let gated = gatedProduct(activations)
    linear(.down).forward(gated.view, into: stream.view)
    Elementwise.add(activations.middle.view, to: stream.view, pool: pool)
  }

  private func gatedProduct(_ activations: LayerActivations) -> Matrix {
    let gated = Matrix(rows: activations.gate.rows, columns: activations.gate.columns)
    GatedActivation.forward(
      gate: activations.gate.view, up: activations.up.view, into: gated.view, pool: products.pool)
    return gated
  }

  /// Backward: turns the gradient to the layer's output into that to its input. Spoils the activations.
  /// - Parameters:
  ///   - gradient: [n, D], in and out.
  ///   - packing: the layout of the forward pass.
  ///   - updates: where the adapter's gradients are summed.
  ///   - reachesInput: whether anything below this layer is trained; if not, the gradient stops at the lowest
  ///     projection that is, and `gradient` is left undefined.
  func backward(
    _ gradient: Matrix, positions: [Int32], activations: LayerActivations, packing: [SegmentRows],
    updates: [Projection: LowRankPair], reachesInput: Bool
  ) {
    let attentionIsTrained = adapter.keys.contains { $0.isAttention }
    feedForwardBackward(
      gradient, activations: activations, updates: updates, reachesMiddle: reachesInput || attentionIsTrained)
    guard reachesInput || attentionIsTrained else { return }
    attentionBackward(
      gradient, positions: positions, activations: activations, packing: packing, updates: updates,
      reachesInput: reachesInput)
  }

  private func feedForwardBackward(
    _ gradient: Matrix, activations: LayerActivations, updates: [Projection: LowRankPair], reachesMiddle: Bool
  ) {
    let pool = products.pool
    let gatedGradient = Matrix(rows: gradient.rows, columns: configuration.intermediateSize)
    let gated = adapter[.down] == nil ? nil : gatedProduct(activations)
    linear(.down).backward(
      gated?.view ?? gatedGradient.view, outputGradient: gradient.view, gradient: updates[.down],
      addingTo: gatedGradient.view)
    GatedActivation.backward(
      outputGradient: gatedGradient.view, gate: activations.gate.view, up: activations.up.view, pool: pool)
    let second = normalized(activations.middle, weights.feedForwardNorm)
    let secondGradient = reachesMiddle ? Matrix(rows: gradient.rows, columns: gradient.columns) : nil
    linear(.gate).backward(
      second.view, outputGradient: activations.gate.view, gradient: updates[.gate], addingTo: secondGradient?.view)
    linear(.up).backward(
      second.view, outputGradient: activations.up.view, gradient: updates[.up], addingTo: secondGradient?.view)
    guard let secondGradient else { return }
    RootMeanSquareNorm.backward(
      activations.middle.view, weight: weights.feedForwardNorm, epsilon: configuration.normEpsilon,
      outputGradient: secondGradient.view, addingTo: gradient.view, pool: pool)
  }

  private func attentionBackward(
    _ gradient: Matrix, positions: [Int32], activations: LayerActivations, packing: [SegmentRows],
    updates: [Projection: LowRankPair], reachesInput: Bool
  ) {
    let pool = products.pool
    let attendedGradient = Matrix(rows: gradient.rows, columns: activations.attended.columns)
    linear(.output).backward(
      activations.attended.view, outputGradient: gradient.view, gradient: updates[.output],
      addingTo: attendedGradient.view)
    let queryGradient = Matrix(rows: gradient.rows, columns: activations.queries.columns)
    let keyGradient = Matrix(rows: gradient.rows, columns: activations.keys.columns)
    let valueGradient = Matrix(rows: gradient.rows, columns: activations.values.columns)
    attention.backward(
      queries: activations.queries.view, keys: activations.keys.view, values: activations.values.view,
      packing: packing, outputGradient: attendedGradient.view, queryGradient: queryGradient.view,
      keyGradient: keyGradient.view, valueGradient: valueGradient.view, products: products)
    rotary.apply(queryGradient.view, positions: positions, backward: true, pool: pool)
    rotary.apply(keyGradient.view, positions: positions, backward: true, pool: pool)
    let first = normalized(activations.input, weights.attentionNorm)
    let firstGradient = reachesInput ? Matrix(rows: gradient.rows, columns: gradient.columns) : nil
    for (projection, outputGradient) in [
      (Projection.query, queryGradient), (.key, keyGradient), (.value, valueGradient),
    ] {
      linear(projection).backward(
        first.view, outputGradient: outputGradient.view, gradient: updates[projection],
        addingTo: firstGradient?.view)
    }
    guard let firstGradient else { return }
    RootMeanSquareNorm.backward(
      activations.input.view, weight: weights.attentionNorm, epsilon: configuration.normEpsilon,
      outputGradient: firstGradient.view, addingTo: gradient.view, pool: pool)
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
