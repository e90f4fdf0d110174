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
  public static let activationBudget = 720 << 20

  /// Rows that a pass forward and backward should have at most: fewer for a large model, so that its memory does not grow
  /// with the batch.
  public static func trainingRowLimit(_ configuration: ModelConfiguration) -> Int {
    ActivationPlan.rowLimit(configuration)
  }

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
    lossGradient(layout, addingTo: gradient, dropout: dropout, activationBudget: activationBudget) {
      (_: Matrix) throws(Never) in terms
    }
  }

  /// The same with terms that hang on what the pass itself finds, before anything is learned from it.
  /// - Parameters:
  ///   - layout: the learned sequences, and riders, which are read in the same pass and have no part in the gradient.
  ///   - read: the rows that `terms` will read and give terms at, the others' states are NaN; nil for all.
  ///   - terms: gets the final-norm outputs of all rows, [rows, D], for `logProbabilities`; gives terms at learned rows.
  ///     Without any there is no backward pass.
  /// - Throws: what `terms` throws; the gradient is then as it was.
  public func lossGradient<Failure: Error>(
    _ layout: PackedLayout, reading read: [Int]? = nil, addingTo gradient: Adapter, dropout: StepDropout? = nil,
    activationBudget: Int = TransformerModel.activationBudget, terms: (_ states: Matrix) throws(Failure) -> [LossTerm]
  ) throws(Failure) -> [Double] {
    let c = configuration
    let rows = layout.learnedRows
    let positions = Array(layout.positions[..<rows])
    let segments = Array(layout.segments[..<layout.learnedSegments])
    let keys = dropout == nil ? [] : layout.rowKeys
    let (learnedKeys, riderKeys) = (Array(keys.prefix(rows)), Array(keys.dropFirst(rows)))
    let reading = ReadRows(read.map { $0.filter { $0 < rows } }, of: rows)
    func trained(_ index: Int, _ keys: [UInt64], _ reading: ReadRows?) -> DecoderLayer {
      let dropout = dropout.map { LayerDropout(rate: $0.rate, seed: $0.seed, layer: index, keys: keys) }
      return layer(index, dropout: dropout, reading: reading)
    }
    func groups(_ keys: Matrix, _ values: Matrix) -> [AttentionGroup] {
      segments.map { $0.group(keys: keys.view, values: values.view) }
    }
    let lowest = adapter?.layers.firstIndex { !$0.isEmpty } ?? c.layers
    let rounds = !products.keepsEveryDigit
    let plan = ActivationPlan(
      rows: rows, configuration: c, lowest: lowest, budget: activationBudget, rounded: rounds)
    let shared = LayerActivations(rows: rows, configuration: c, isTrained: true)
    var kept: [KeptActivations?] = []
    var stream = embedded(Array(layout.tokens[..<rows]))
    var riders = RiderPass(layout, reading: read, model: self)
    for (index, keeps) in plan.layers.enumerated() {
      let room = shared.reading(isTop(index) ? reading : nil, configuration: c, isTrained: true)
      var own = keeps.map { KeptActivations($0, of: stream, shared: room, rounds: rounds, configuration: c) }
      let activations = own?.activations ?? room
      stream = trained(index, learnedKeys, reading).forward(
        stream, positions: positions, activations: activations, groups: groups)
      let beside = trained(index, riderKeys, riders?.reading)
      riders?.forward(beside, beside: activations.attention)
      own?.store(pool: products.pool)
      kept.append(own)
    }
    let states = Matrix(uninitializedRows: layout.rows, columns: stream.columns)
    finalNormalized(stream, reading: reading, into: states.view.rows(0..<rows))
    if let riders {
      finalNormalized(riders.stream, reading: riders.reading, into: states.view.rows(rows..<layout.rows))
    }
    riders = nil
    let terms = try terms(states)
    if terms.isEmpty { return [] }
    var stateGradient = Matrix(rows: rows, columns: stream.columns)
    let losses = head.loss(states, terms: terms, addingTo: stateGradient)
    if let reading { stateGradient = reading.gathered(stateGradient) }
    var streamGradient = Matrix(rows: stream.rows, columns: stream.columns)
    RootMeanSquareNorm.backward(
      stream.view, weight: checkpoint.finalNorm, epsilon: c.normEpsilon, outputGradient: stateGradient.view,
      addingTo: streamGradient.view, pool: products.pool)
    for index in plan.layers.indices.reversed() {
      guard let own = kept[index] else { break }
      let layer = trained(index, learnedKeys, reading)
      own.restore(layer, positions: positions, groups: groups)
      streamGradient = layer.backward(
        streamGradient, positions: positions, activations: own.activations, packing: segments,
        updates: gradient.layers[index], reachesInput: index > lowest)
      kept[index] = nil
    }
    return losses
  }
}
