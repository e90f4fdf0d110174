import Checkpoints
import Kernels

/// What a layer keeps from its forward pass until its backward pass.
struct KeptActivations {
  /// Where both passes have them: the layer's own, or those that all layers share.
  let activations: LayerActivations
  private let keeps: ActivationPlan.Kept
  private let rounds: Bool
  /// What the layer goes forward from again, if it is kept as it was.
  private let input: Matrix?
  private var rounded: RoundedActivations?

  /// Before the layer goes forward.
  /// - Parameters:
  ///   - stream: the residual stream that it is given, [n, D].
  ///   - rounds: whether what is kept is kept in words.
  init(
    _ keeps: ActivationPlan.Kept, of stream: Matrix, shared: LayerActivations, rounds: Bool,
    configuration: ModelConfiguration
  ) {
    let ownsAttention = !rounds && (keeps == .attention || keeps == .everything)
    activations = LayerActivations(
      attention: ownsAttention
        ? AttentionActivations(rows: stream.rows, configuration: configuration, isTrained: true) : shared.attention,
      feedForward: ownsAttention && keeps == .everything
        ? FeedForwardActivations(rows: stream.rows, configuration: configuration, isTrained: true)
        : shared.feedForward)
    input = keeps == .input ? stream.copy() : nil
    (self.keeps, self.rounds) = (keeps, rounds)
  }

  /// After the layer has gone forward, before another one does.
  mutating func store(pool: WorkerPool) {
    guard rounds, keeps != .input, keeps != .inPlace else { return }
    rounded = RoundedActivations(activations, keeps: keeps, pool: pool)
  }

  /// Makes the activations again what they were after the forward pass.
  func restore(
    _ layer: DecoderLayer, positions: [Int32], groups: (_ keys: Matrix, _ values: Matrix) -> [AttentionGroup]
  ) {
    let pool = layer.products.pool
    rounded?.load(into: activations, pool: pool)
    if keeps == .input || keeps == .inputInWords {
      layer.attend(
        input ?? activations.attention.input, positions: positions, activations: activations, again: true,
        groups: groups)
    }
    if keeps == .everything || keeps == .inPlace { return }
    layer.recomputeFeedForward(activations)
    if rounds { RoundedActivations.round(activations, after: keeps, pool: pool) }
  }
}
