import Checkpoints
import Kernels

extension TransformerModel {
  /// Where the numbers of a forward pass stop being finite, for a message: the weight that holds the first one, or else
  /// the activation that first becomes too large. Nil if all are finite, the logits too.
  ///
  /// Costs a pass and a look at weights, so it is asked when something is known to be wrong.
  /// - Parameter tokens: a sequence, validated, not empty.
  public func firstNonFinite(_ tokens: [Int32]) -> String? {
    let layout = layout([tokens])
    let stream = embedded(layout.tokens)
    if let bad = FiniteNumbers.firstOther(in: stream.view) {
      return "the embedding of token \(layout.tokens[bad.row]) holds \(bad.value.words)"
    }
    let activations = LayerActivations(rows: layout.rows, configuration: configuration)
    for index in 0..<configuration.layers {
      layer(index).forward(stream, positions: layout.positions, activations: activations) { keys, values in
        layout.segments.map { $0.group(keys: keys.view, values: values.view) }
      }
      if let found = firstNonFinite(layer: index, activations, output: stream) { return found }
    }
    let states = finalNormalized(stream)
    if let bad = FiniteNumbers.firstOther(in: states.view) {
      let weight = checkpoint.finalNorm.firstNonFinite.map { "the final norm holds \($0)" }
      return weight ?? "the final norm gives \(bad.value.words)"
    }
    var found: String?
    head.chunks(of: states, rows: Array(0..<layout.rows)) { _, _, logits in
      guard found == nil, let bad = FiniteNumbers.firstOther(in: logits) else { return }
      let weight = FiniteNumbers.firstOther(in: checkpoint.head).map {
        "the weight lm_head holds \($0.value.words) in row \($0.row)"
      }
      found = weight ?? "the logit of token \(bad.column) is \(bad.value.words)"
    }
    return found
  }

  private func firstNonFinite(layer index: Int, _ activations: LayerActivations, output: Matrix) -> String? {
    let (attention, feedForward) = (activations.attention, activations.feedForward)
    let weights = checkpoint.layers[index]
    // In the order in which they are computed; each with the weights between it and the one before.
    let stages: [(String, Matrix, [(String, [Float]?)], [Projection])] = [
      (
        "queries", attention.queries,
        [("norm before attention", weights.attentionNorm), ("norm of the queries", weights.queryNorm)],
        [.query]
      ),
      ("keys", attention.keys, [("norm of the keys", weights.keyNorm)], [.key]),
      ("values", attention.values, [], [.value]),
      ("attention", attention.attended, [], []),
      ("attention's output", attention.middle, [("norm behind attention", weights.attentionOutputNorm)], [.output]),
      ("gate", feedForward.gate, [("norm before the feed-forward block", weights.feedForwardNorm)], [.gate]),
      ("up projection", feedForward.up, [], [.up]),
      ("output", output, [("norm behind the feed-forward block", weights.feedForwardOutputNorm)], [.down]),
    ]
    for (name, matrix, norms, projections) in stages {
      guard let bad = FiniteNumbers.firstOther(in: matrix.view) else { continue }
      for (norm, weight) in norms {
        if let value = weight?.firstNonFinite { return "the \(norm) of layer \(index) holds \(value)" }
      }
      for projection in projections {
        if let words = firstNonFinite(projection, layer: index, weights) { return words }
      }
      return "the \(name) of layer \(index) becomes \(bad.value.words) at position \(bad.row)"
    }
    return nil
  }

  private func firstNonFinite(_ projection: Projection, layer index: Int, _ weights: LayerWeights) -> String? {
    let name = "\(projection.rawValue) of layer \(index)"
    if let bad = FiniteNumbers.firstOther(in: weights[projection]) {
      return "the weight \(name) holds \(bad.value.words) in row \(bad.row)"
    }
    if let value = weights.bias(of: projection)?.firstNonFinite { return "the bias of \(name) holds \(value)" }
    if let pair = adapter?.layers[index][projection] {
      for (letter, matrix) in [("A", pair.a), ("B", pair.b)] {
        if let bad = FiniteNumbers.firstOther(in: matrix.view) {
          return "the adapter's \(letter) of \(name) holds \(bad.value.words) in row \(bad.row)"
        }
      }
    }
    return nil
  }
}

extension Float {
  /// nan without its sign, inf with it.
  fileprivate var words: String { isNaN ? "nan" : "\(self)" }
}

extension [Float] {
  /// The first element that is not finite, for a message.
  fileprivate var firstNonFinite: String? { first { !$0.isFinite }?.words }
}
