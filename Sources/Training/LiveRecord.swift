import Judging
import Kernels
import Records
import Saliency
import Tensors
import Transformer

/// A judged record whose loss is made of what the step's own forward pass says of it.
struct LiveRecord: Sendable, PassMember {
  let judged: ScoredRecord
  /// What is scored of it.
  let request: ScoringRequest
  let learned: [[Int32]]
  let riders: [[Int32]]
  let firstLearned: [Int]
  let firstRidden: [Int]
  /// For each of the request's sequences, which learned one begins with it, or which rider it is.
  private let places: [Place]

  private enum Place {
    case learned(Int)
    case rider(Int)
  }

  /// The record's id, for messages and metrics.
  var id: String { judged.id }

  init(_ judged: ScoredRecord, request: ScoringRequest, builder: LossBuilder) throws(SaliencyError) {
    self.judged = judged
    self.request = request
    let reach = try builder.reach(of: judged)
    learned = reach.map(\.tokens)
    var firstLearned = Self.firstReads(reach)
    var riders: [(tokens: [Int32], first: Int)] = []
    places = zip(request.sequences, request.firstRead).map { sequence, first in
      if let place = reach.firstIndex(where: { $0.tokens.starts(with: sequence) }) {
        firstLearned[place] = min(firstLearned[place], first)
        return .learned(place)
      }
      riders.append((sequence, first))
      return .rider(riders.count - 1)
    }
    self.firstLearned = firstLearned
    self.riders = riders.map(\.tokens)
    firstRidden = riders.map(\.first)
  }

  /// Which sequence of a layout is one of the request's.
  /// - Parameters:
  ///   - learned: where the record's learned sequences begin.
  ///   - riders: where its riders do.
  func place(_ sequence: Int, learned: Int, riders: Int) -> Int {
    switch places[sequence] {
    case .learned(let place): learned + place
    case .rider(let place): riders + place
    }
  }
}

/// Live records of a step, and what makes their losses.
public struct LiveBatch: Sendable {
  let records: [LiveRecord]
  let weighing: LiveWeighing
}

/// Makes losses of what a model says of judged records.
struct LiveWeighing: Sendable {
  let builder: LossBuilder
  let scorer: ResponseScorer
  let model: TransformerModel

  /// The loss of a record, from its scores if the method reads any; nil if none of its tokens has a weight.
  /// - Throws: `TrainingError` naming the record.
  func record(_ judged: ScoredRecord, scores: ScoresFrame?) throws(TrainingError) -> TrainingRecord? {
    var judged = judged
    do {
      // Through the frame's file, so that the states are rounded as an archive has them.
      judged.scores = try scores.map {
        try ScoresFrame(parsing: $0.file, source: "scores", readsHidden: builder.needsHidden)
      }
      return try TrainingRecord(id: judged.id, frame: builder.loss(for: judged), model: model)
    } catch let error as SaliencyError where error.kind == .weightless {
      return nil
    } catch {
      throw TrainingError("id \"\(judged.id)\": \(error); the adapter is left as it was")
    }
  }

  /// The losses of records from the pass that they are in.
  /// - Parameters:
  ///   - layout: their learned sequences, one record after the other, then their riders.
  ///   - states: what the pass gave, [rows, D].
  func records(
    _ group: [LiveRecord], _ layout: PackedLayout, _ states: Matrix
  ) throws(TrainingError) -> [TrainingRecord?] {
    var starts: [(learned: Int, riders: Int)] = []
    var next = (learned: 0, riders: group.reduce(0) { $0 + $1.learned.count })
    for record in group {
      starts.append(next)
      next.learned += record.learned.count
      next.riders += record.riders.count
    }
    let frames = scorer.frames(of: group.map(\.request), states: states) { index, sequence, position in
      let (learned, riders) = starts[index]
      return layout.row(
        sequence: group[index].place(sequence, learned: learned, riders: riders), position: position)
    }
    var records: [TrainingRecord?] = []
    for (record, frame) in zip(group, frames) { records.append(try self.record(record.judged, scores: frame)) }
    return records
  }
}
