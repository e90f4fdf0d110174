import Records
import Saliency
import Tensors

extension ScoredRecord {
  /// What the method reads of a record, its scores frame included where the method needs one.
  init(
    _ record: Record, method: LossMethod, archives: ArchiveReader, agreement: inout FrameAgreement
  ) throws {
    guard let id = record.idText else { throw RecordError(missing: "id") }
    var frame: ScoresFrame?
    if method.needsScores {
      guard let scores = record["scores"] else { throw RecordError(missing: "scores") }
      let reference = try FrameReference(json: scores, field: "scores")
      let read = try ScoresFrame(parsing: archives.read(reference), source: "\(reference)")
      try agreement.admit(read.origin, source: "\(reference)")
      frame = read
    }
    self.init(
      id: id, isIncorrect: try record.isIncorrect(), basePrompt: try record.tokens("base"),
      response: try record.tokens("output"), answer: try record.tokens("answer"),
      judgePrompt: try record.tokens("judge"), scores: frame)
  }
}
