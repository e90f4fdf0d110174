import Checkpoints
import Kernels
import Tensors
import Transformer

/// What a step reports.
public struct StepMetrics: Sendable, Equatable {
  /// Step, from 1, over the adapter's whole life.
  public var step: Int
  /// Mean loss of the batch's records, before the update.
  public var loss: Double
  /// Gradient norm before clipping.
  public var gradientNorm: Double
  /// Learning rate of the update.
  public var learningRate: Double
  /// Rows that the forward pass computed, shared prefixes counted once; with those that it only read.
  public var rows: Int
  /// Tokens of all sequences up to the last that carries weight, shared prefixes counted each time.
  public var tokens: Int
  /// Ids of the records that the loss is the mean of, in the order of the batch.
  public var ids: [String]
  /// Ids of the batch's others: none of their tokens has a weight at this step.
  public var weightless: [String]
}

/// Takes optimiser steps on an adapter.
public struct Trainer {
  /// The model with the adapter that is trained.
  public let model: TransformerModel
  /// The adapter; its matrices change in place.
  public let adapter: Adapter
  /// The optimiser's state.
  public private(set) var optimizer: AdamW
  /// Largest gradient norm of an update.
  public let clip: Double
  /// Records of one forward and backward pass, if fewer than fit are wanted.
  public let microBatch: Int?
  /// The ranks that train together.
  public let ranks: RankGroup
  private let gradient: Adapter
  private var busy = (mean: 0.0, longest: 0.0)
  /// The ranks' mean share of the time in which the busiest computes; nil before the first step of several ranks.
  public var balance: Double? { busy.longest > 0 ? busy.mean / busy.longest : nil }

  /// Rows of one forward and backward pass; larger batches are taken apart and their gradients added up.
  public let rowLimit: Int

  /// A trainer for a model whose adapter is set.
  /// - Parameters:
  ///   - microBatch: most records of one pass; nil takes as many as fit.
  ///   - ranks: those that train together, each with the same adapter and optimiser.
  /// - Throws: `TrainingError` if there is no adapter.
  public init(
    model: TransformerModel, optimizer: AdamW? = nil, clip: Double, microBatch: Int? = nil,
    ranks: RankGroup = RankGroup(SingleProcess())
  ) throws(TrainingError) {
    guard let adapter = model.adapter else { throw TrainingError("the model has no adapter to train") }
    self.model = model
    self.adapter = adapter
    self.optimizer = optimizer ?? AdamW(for: adapter)
    self.clip = clip
    self.microBatch = microBatch
    self.ranks = ranks
    rowLimit = TransformerModel.trainingRowLimit(model.configuration)
    gradient = adapter.zeros()
  }

  /// The loss and gradient of a share's records.
  /// - Parameter count: by which the losses are divided where they are known beforehand; elsewhere they are not yet, as
  ///   nobody knows how many records have any.
  /// - Returns: loss, rows and tokens; the gradient stays in `gradient`.
  private func accumulate(
    _ records: BatchShare.Records, of count: Int, dropout: StepDropout?
  ) throws(TrainingError) -> ShareReport {
    switch records {
    case .weighted(let records):
      try accumulate(records, share: 1 / Float(count), dropout: dropout) {
        (group, _, _) throws(TrainingError) in group
      }
    case .live(let batch):
      try accumulate(batch.records, share: 1, dropout: dropout) { (group, layout, states) throws(TrainingError) in
        try batch.weighing.records(group, layout, states)
      }
    }
  }

  /// The same for records of one kind.
  /// - Parameters:
  ///   - share: multiplies all losses.
  ///   - weighing: the losses of a pass' records, from its layout and its states; nil for one without a weight.
  private func accumulate<Member: PassMember>(
    _ batch: [Member], share: Float, dropout: StepDropout?,
    weighing: ([Member], PackedLayout, Matrix) throws(TrainingError) -> [TrainingRecord?]
  ) throws(TrainingError) -> ShareReport {
    for (_, matrix) in gradient.parameters { matrix.clear() }
    var report = ShareReport()
    var taken = 0
    for group in groups(batch) {
      let layout = model.layout(group.flatMap(\.learned), riders: group.flatMap(\.riders))
      var owners: [(id: String, tokens: [Int32])] = []
      let read = layout.rows(from: group.flatMap(\.firstLearned) + group.flatMap(\.firstRidden))
      let losses = try model.lossGradient(layout, reading: read, addingTo: gradient, dropout: dropout) {
        (states) throws(TrainingError) -> [LossTerm] in
        var terms: [LossTerm] = []
        var start = 0
        for (index, (member, record)) in zip(group, try weighing(group, layout, states)).enumerated() {
          for sequence in record?.sequences ?? [] {
            let place = start + member.place(of: sequence.tokens)
            terms += sequence.terms(share: share) { layout.row(sequence: place, position: $0) }
            owners += Array(repeating: (member.id, sequence.tokens), count: sequence.positions.count)
          }
          start += member.learned.count
          report.tokens += record?.tokenCount ?? 0
          if record == nil { report.weightless.append(taken + index) }
        }
        return terms
      }
      if let bad = losses.firstIndex(where: { !$0.isFinite }) {
        let (record, tokens) = owners[bad]
        let cause = model.firstNonFinite(tokens).map { ": \($0)" } ?? ""
        throw TrainingError(
          "id \"\(record)\": the loss is \(losses[bad].isNaN ? "nan" : "\(losses[bad])")\(cause); the adapter is left as it was"
        )
      }
      report.loss += losses.reduce(0, +)
      report.rows += layout.rows
      taken += group.count
    }
    return report
  }

  /// A batch taken apart where it has too many rows or records for one pass; prefixes shared within a part are counted once.
  private func groups<Member: PassMember>(_ batch: [Member]) -> [[Member]] {
    var groups: [[Member]] = []
    var count = model.rowCount
    for record in batch {
      let tokens = record.learned + record.riders
      count.add(tokens)
      if groups.isEmpty || count.rows > rowLimit || groups[groups.count - 1].count == microBatch {
        groups.append([])
        count = model.rowCount
        count.add(tokens)
      }
      groups[groups.count - 1].append(record)
    }
    return groups
  }

  /// One step of a process alone: forward, backward, clip, update.
  /// - Parameters:
  ///   - batch: records; the loss is divided by their number. Without any the gradient is zero, and the update is what
  ///     the optimiser's moments make of that.
  ///   - dropout: nil for none.
  /// - Throws: as `step` of a share.
  public mutating func step(
    _ batch: [TrainingRecord], learningRate: Double, dropout: StepDropout? = nil
  ) throws -> StepMetrics {
    try step(BatchShare(batch), learningRate: learningRate, dropout: dropout)
  }

  /// One step of all ranks: each the gradient of its share, the same sum and update on all of them.
  /// - Throws: `TrainingError` naming the record whose loss, or the tensor whose gradient, is not finite, on all ranks;
  ///   the adapter and the optimiser are then as they were. `RanksEnded` or `CommunicationError` if others are gone.
  public mutating func step(
    _ share: BatchShare, learningRate: Double, dropout: StepDropout? = nil
  ) throws -> StepMetrics {
    let total = try summed(share, dropout: dropout)
    let without = Set(total.weightless)
    let ids = share.ids.indices.filter { !without.contains($0) }.map { share.ids[$0] }
    var loss = total.loss
    if case .live = share.records, !ids.isEmpty {
      gradient.scale(by: 1 / Float(ids.count))
      loss /= Double(ids.count)
    }
    let norm = gradient.norm
    guard norm.isFinite else {
      throw nonFiniteGradient(share, dropout: dropout)
    }
    _ = gradient.clip(norm: clip)
    optimizer.update(adapter, gradient: gradient, learningRate: learningRate)
    return StepMetrics(
      step: optimizer.steps, loss: loss, gradientNorm: norm, learningRate: learningRate, rows: total.rows,
      tokens: total.tokens, ids: ids, weightless: share.weightless + without.sorted().map { share.ids[$0] })
  }

  /// What all ranks' shares came to; the sum of their gradients stays in `gradient`.
  private mutating func summed(_ share: BatchShare, dropout: StepDropout?) throws -> ShareReport {
    let start = ContinuousClock.now
    var own: ShareReport
    do { own = try accumulate(share.records, of: share.ids.count, dropout: dropout) } catch {
      _ = try ranks.exchange(.failure(error))
      throw error
    }
    own.weightless = own.weightless.map { share.places[$0] }
    guard ranks.size > 1 else { return own }
    own.seconds = share.seconds + (ContinuousClock.now - start).seconds
    let reports = try ranks.exchange(.success(own.bytes)).map { try ShareReport(bytes: $0) }
    try ranks.communicator.sum(gradient)
    busy.mean += reports.reduce(0) { $0 + $1.seconds } / Double(ranks.size)
    busy.longest += reports.map(\.seconds).max() ?? 0
    return reports.reduce(ShareReport(), +)
  }

  /// Says which record's gradient is not finite, and where; of several ranks, which batch's, so that all say the same.
  private func nonFiniteGradient(_ share: BatchShare, dropout: StepDropout?) -> TrainingError {
    func tensor() -> String? {
      gradient.parameters.first { !Elementwise.squaredNorm($0.matrix.view).isFinite }?.name
    }
    let end = "; the adapter is left as it was"
    let name = tensor() ?? "the adapter"
    if ranks.size == 1 {
      // Each record's share by itself, as in the batch.
      for (id, records) in share.records.alone {
        do { _ = try accumulate(records, of: share.ids.count, dropout: dropout) } catch { return error }
        if let name = tensor() {
          return TrainingError("id \"\(id)\": the gradient of \(name) is not finite\(end)")
        }
      }
    }
    let ids = share.ids.map { "\"\($0)\"" }.joined(separator: ", ")
    return TrainingError("the gradient of \(name) is not finite, in the batch of ids \(ids)\(end)")
  }

  /// The loss and gradient norm of a batch, without an update.
  /// - Returns: mean loss, gradient norm before clipping, and the gradient itself.
  public func gradient(
    of batch: [TrainingRecord], dropout: StepDropout? = nil
  ) throws(TrainingError) -> (loss: Double, norm: Double, gradient: Adapter) {
    let report = try accumulate(.weighted(batch), of: batch.count, dropout: dropout)
    return (report.loss, gradient.norm, gradient)
  }
}
