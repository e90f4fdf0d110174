import Records
import Saliency
import Tensors

/// The loss of one record, made on any thread.
struct WeightedRecord: Sendable {
  let scored: ScoredRecord
  let loss: LossFrame
  /// The loss as it goes into the archive.
  let frame: CompressedFrame
}

/// A record on its way to its loss, as far as records do not depend on each other.
struct RecordInProgress: Sendable {
  /// Where the scores come from, and what to call them; nil where the method reads none or they cannot be read.
  private let scores: (origin: FrameOrigin, source: String)?
  private let result: Result<WeightedRecord, any Error>

  /// Reads the record's scores and weighs its tokens.
  init(_ record: Record, builder: LossBuilder, archives: ArchiveReader) {
    var scores: (origin: FrameOrigin, source: String)?
    result = Result {
      guard record.idText != nil else { throw RecordError(missing: "id") }
      var frame: ScoresFrame?
      if builder.method.needsScores {
        guard let field = record["scores"] else { throw RecordError(missing: "scores") }
        let reference = try FrameReference(json: field, field: "scores")
        let source = "\(reference)"
        let read = try ScoresFrame(
          parsing: archives.read(reference), source: source, readsHidden: builder.needsHidden)
        scores = (read.origin, source)
        frame = read
      }
      var scored = try ScoredRecord(record, scores: frame)
      let loss = try builder.loss(for: scored)
      // The states, which nobody needs any more, are most of a record's memory.
      scored.scores = nil
      return WeightedRecord(scored: scored, loss: loss, frame: try CompressedFrame(loss.file))
    }
    self.scores = scores
  }

  /// The loss, once it is this record's turn to agree with those before it.
  /// - Throws: why there is none.
  func weighted(agreement: inout FrameAgreement) throws -> WeightedRecord {
    if let (origin, source) = scores { try agreement.admit(origin, source: source) }
    return try result.get()
  }
}
