import Checkpoints

/// Which activations each layer keeps for the backward pass, and which it computes again: as many as memory allows.
///
/// The first thing to go are feed-forward activations, half of a layer's memory that two products bring back; then
/// attention's. A layer's input is always kept.
struct ActivationPlan {
  enum Kept { case input, attention, everything }

  /// For each layer; those below the lowest adapted one have no backward pass and keep nothing.
  let layers: [Kept?]

  /// - Parameter budget: bytes of activations that may be kept.
  init(rows: Int, configuration: ModelConfiguration, lowest: Int, budget: Int) {
    let attention = AttentionActivations.bytes(rows: rows, configuration: configuration)
    let feedForward = FeedForwardActivations.bytes(rows: rows, configuration: configuration)
    let input = rows * 4 * configuration.hiddenSize
    var layers: [Kept?] = (0..<configuration.layers).map { $0 >= lowest ? .input : nil }
    let trained = layers.indices.filter { $0 >= lowest }
    var left = budget - trained.count * input
    // The top layers' activations are wanted first and let go of first.
    for index in trained.reversed() where left >= attention - input {
      layers[index] = .attention
      left -= attention - input
    }
    for index in trained.reversed() where layers[index] == .attention && left >= feedForward {
      layers[index] = .everything
      left -= feedForward
    }
    self.layers = layers
  }
}
