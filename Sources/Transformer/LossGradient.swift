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
  /// How much memory activations may take before all but each layer's input is computed again in the backward pass.
  public static let activationBudget = 1 << 30

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
    let keepsAll = LayerActivations.bytes(rows: layout.rows, configuration: c) * c.layers <= activationBudget
    let keys = dropout == nil ? [] : layout.rowKeys
    func trained(_ index: Int) -> DecoderLayer {
      layer(index, dropout: dropout.map { LayerDropout(rate: $0.rate, seed: $0.seed, layer: index, keys: keys) })
    }
    func run(_ index: Int, _ stream: Matrix, _ activations: LayerActivations) {
      trained(index).forward(stream, positions: layout.positions, activations: activations) { keys, values in
        layout.segments.map { $0.group(keys: keys.view, values: values.view) }
      }
    }
    let lowest = adapter?.layers.firstIndex { !$0.isEmpty } ?? c.layers
    let shared = keepsAll ? nil : LayerActivations(rows: layout.rows, configuration: c)
    var kept: [LayerActivations?] = []
    var inputs: [Matrix?] = []
    let stream = embedded(layout.tokens)
    for index in 0..<c.layers {
      let activations = shared ?? LayerActivations(rows: layout.rows, configuration: c)
      if shared != nil, index >= lowest {
        let copy = Matrix(rows: stream.rows, columns: stream.columns)
        Elementwise.copy(stream.view, into: copy.view)
        inputs.append(copy)
      } else {
        inputs.append(nil)
      }
      run(index, stream, activations)
      // Below the lowest adapted layer there is no backward pass.
      kept.append(keepsAll && index >= lowest ? activations : nil)
    }
    let states = finalNormalized(stream)
    let stateGradient = Matrix(rows: stream.rows, columns: stream.columns)
    let losses = head.loss(states, terms: terms, addingTo: stateGradient)
    let streamGradient = Matrix(rows: stream.rows, columns: stream.columns)
    RootMeanSquareNorm.backward(
      stream.view, weight: checkpoint.finalNorm, epsilon: c.normEpsilon, outputGradient: stateGradient.view,
      addingTo: streamGradient.view, pool: products.pool)
    for index in (0..<c.layers).reversed() where index >= lowest {
      let activations: LayerActivations
      if let ready = kept[index] {
        activations = ready
      } else if let shared, let input = inputs[index] {
        run(index, input, shared)
        activations = shared
      } else {
        continue
      }
      trained(index).backward(
        streamGradient, positions: layout.positions, activations: activations, packing: layout.segments,
        updates: gradient.layers[index], reachesInput: index > lowest)
      kept[index] = nil
      inputs[index] = nil
    }
    return losses
  }
}
