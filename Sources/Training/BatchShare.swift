import Transformer

/// What one rank takes of a step's batch, and what it must know of the rest.
public struct BatchShare: Sendable {
  enum Records: Sendable {
    /// Their losses are known.
    case weighted([TrainingRecord])
    /// Their losses are made of the scores of the pass.
    case live(LiveBatch)
  }

  /// The records that this rank computes.
  var records: Records
  /// Of live records, their places in `ids`.
  var places: [Int] = []
  /// Ids of all ranks' records, in the order of the batch; the loss is divided by their number, without live records that
  /// turn out to have no token with a weight.
  public var ids: [String]
  /// Ids of the batch's other records: it is known that none of their tokens has a weight at this step.
  public var weightless: [String]
  /// Seconds that this rank took to make the losses.
  public var seconds = 0.0

  /// A batch that one process takes alone.
  public init(_ records: [TrainingRecord], weightless: [String] = []) {
    self.records = .weighted(records)
    ids = records.map(\.id)
    self.weightless = weightless
  }

  /// A share of records whose losses are made in the pass.
  init(_ batch: LiveBatch, places: [Int], of ids: [String]) {
    records = .live(batch)
    self.places = places
    self.ids = ids
    weightless = []
  }
}

extension BatchShare.Records {
  /// Each record by itself.
  var alone: [(id: String, records: Self)] {
    switch self {
    case .weighted(let records): records.map { ($0.id, .weighted([$0])) }
    case .live(let batch): batch.records.map { ($0.id, .live(LiveBatch(records: [$0], weighing: batch.weighing))) }
    }
  }
}

extension RankGroup {
  /// Deals a step's records to the ranks and makes the losses of this rank's, unless the step's pass does.
  /// - Parameter indices: the places in the stream of the whole batch's records.
  /// - Throws: as `exchange`; `TrainingError` names the record that has no loss.
  public func share(of indices: [Int], from source: some LossSource, model: TransformerModel) throws -> BatchShare {
    let hands = model.deal(size > 1 ? indices.map { source.workload(of: $0) } : [], toRanks: size)
    let places = size > 1 ? hands[rank] : Array(indices.indices)
    let own = places.map { indices[$0] }
    if let batch = source.liveBatch(of: own) {
      return BatchShare(batch, places: places, of: indices.map { source.id(of: $0) })
    }
    let start = ContinuousClock.now
    let losses: StepLosses
    do { losses = try source.losses(of: own) } catch {
      _ = try exchange(.failure(error))
      throw error
    }
    var share = BatchShare(losses.records, weightless: losses.weightless)
    guard size > 1 else { return share }
    share.seconds = (ContinuousClock.now - start).seconds
    let without = Set(losses.weightless)
    let reports = try exchange(.success(own.map { without.contains(source.id(of: $0)) ? 1 : 0 }))
    var isWeightless = [Bool](repeating: false, count: indices.count)
    for (hand, report) in zip(hands, reports) {
      for (place, mark) in zip(hand, report) { isWeightless[place] = mark != 0 }
    }
    share.ids = indices.indices.filter { !isWeightless[$0] }.map { source.id(of: indices[$0]) }
    share.weightless = indices.indices.filter { isWeightless[$0] }.map { source.id(of: indices[$0]) }
    return share
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
