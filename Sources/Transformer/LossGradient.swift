import Checkpoints
import Kernels

/// A weighted prediction in a packed layout: −likelihood·log p − unlikelihood·log(1 − p), p = p(target | row).
public struct LossTerm: Sendable, Equatable {
  /// The row of the layout whose state predicts.
  public var row: Int
  /// The token whose probability is meant.
  public var target: Int32
  /// Final weight of −log p.
  public var likelihood: Float
  /// Final weight of −log(1 − p).
  public var unlikelihood: Float

  /// A term from its parts.
  public init(row: Int, target: Int32, likelihood: Float, unlikelihood: Float) {
    self.row = row
    self.target = target
    self.likelihood = likelihood
    self.unlikelihood = unlikelihood
  }
}

/// Dropout of one training step.
public struct StepDropout: Sendable {
  /// Share of inputs dropped, 0 ≤ rate < 1.
  public let rate: Float
  /// Differs from step to step.
  public let seed: UInt64

  /// Dropout of a step.
  public init(rate: Float, seed: UInt64) {
    self.rate = rate
    self.seed = seed
  }
}

extension TransformerModel {
  /// Bytes of activations that a pass keeps; what does not fit is computed again in the backward pass.
  public static let activationBudget = 608 << 20

  /// The loss of each term of a layout, and the gradient of their sum to the adapter.
  /// - Parameters:
  ///   - layout: sequences packed; the gradient is the same however they share prefixes.
  ///   - terms: where the loss reads predictions.
  ///   - gradient: an adapter of the same shape, added to.
  ///   - dropout: nil for none.
  ///   - activationBudget: bytes; see `activationBudget`.
  /// - Returns: the losses, one a term.
  public func lossGradient(
    _ layout: PackedLayout, terms: [LossTerm], addingTo gradient: Adapter, dropout: StepDropout? = nil,
    activationBudget: Int = TransformerModel.activationBudget
  ) -> [Double] {
    let c = configuration
    let keys = dropout == nil ? [] : layout.rowKeys
    func trained(_ index: Int) -> DecoderLayer {
      layer(index, dropout: dropout.map { LayerDropout(rate: $0.rate, seed: $0.seed, layer: index, keys: keys) })
    }
    func groups(_ keys: Matrix, _ values: Matrix) -> [AttentionGroup] {
      layout.segments.map { $0.group(keys: keys.view, values: values.view) }
    }
    let lowest = adapter?.layers.firstIndex { !$0.isEmpty } ?? c.layers
    let plan = ActivationPlan(rows: layout.rows, configuration: c, lowest: lowest, budget: activationBudget)
    let shared = LayerActivations(rows: layout.rows, configuration: c, isTrained: true)
    var kept: [LayerActivations?] = []
    var inputs: [Matrix?] = []
    let stream = embedded(layout.tokens)
    for (index, keeps) in plan.layers.enumerated() {
      let activations = LayerActivations(
        attention: keeps == .attention || keeps == .everything
          ? AttentionActivations(rows: layout.rows, configuration: c, isTrained: true) : shared.attention,
        feedForward: keeps == .everything
          ? FeedForwardActivations(rows: layout.rows, configuration: c, isTrained: true) : shared.feedForward)
      inputs.append(keeps == .input ? stream.copy() : nil)
      trained(index).forward(stream, positions: layout.positions, activations: activations, groups: groups)
      kept.append(keeps == nil ? nil : activations)
    }
    let states = finalNormalized(stream)
    let stateGradient = Matrix(rows: stream.rows, columns: stream.columns)
    let losses = head.loss(states, terms: terms, addingTo: stateGradient)
    let streamGradient = Matrix(rows: stream.rows, columns: stream.columns)
    RootMeanSquareNorm.backward(
      stream.view, weight: checkpoint.finalNorm, epsilon: c.normEpsilon, outputGradient: stateGradient.view,
      addingTo: streamGradient.view, pool: products.pool)
    for index in plan.layers.indices.reversed() {
      guard let activations = kept[index] else { break }
      if let input = inputs[index] {
        trained(index).attend(
          input, positions: layout.positions, activations: activations, again: true, groups: groups)
      }
      if plan.layers[index] != .everything { trained(index).recomputeFeedForward(activations) }
      trained(index).backward(
        streamGradient, positions: layout.positions, activations: activations, packing: layout.segments,
        updates: gradient.layers[index], reachesInput: index > lowest)
      kept[index] = nil
      inputs[index] = nil
    }
    return losses
  }
}
