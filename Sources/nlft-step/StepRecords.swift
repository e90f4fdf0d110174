import Records
import Saliency
import Tensors
import ToolSupport
import Training
import Transformer

extension RecordFeed {
  /// The records' losses, from the frames that they name.
  func weightedRecords(model: TransformerModel) throws -> [TrainingRecord] {
    let archives = ArchiveReader()
    var agreement = FrameAgreement(expected: FrameOrigin(model: model.checkpoint.fingerprint))
    var records: [TrainingRecord] = []
    try readAll { record in
      records.append(try TrainingRecord(record, archives: archives, agreement: &agreement, model: model))
    }
    return records
  }

  /// Judged records, added to those that `records` has already.
  ///
  /// Their scores are made anew, but say which model and tokenizer the tokens are of.
  func judgedRecords(addedTo records: LiveRecords, model: TransformerModel) throws -> LiveRecords {
    var records = records
    var leftOut = 0
    let archives = ArchiveReader()
    var agreement = FrameAgreement(expected: FrameOrigin(model: model.checkpoint.fingerprint))
    try readAll { record in
      if let scores = record["scores"] {
        let reference = try FrameReference(json: scores, field: "scores")
        // An archive that is gone by now is not missed.
        if let frame = try? archives.read(reference) {
          var origin = FrameOrigin(metadata: frame.metadata)
          origin.adapter = nil
          try agreement.admit(origin, source: "\(reference)")
        }
      }
      do { try records.append(try ScoredRecord(record)) } catch let error as SaliencyError where error.kind == .leftOut
      {
        leftOut += 1
      }
    }
    if leftOut > 0 { note("\(records.builder.method.rawValue) left out \(leftOut) incorrect records") }
    return records
  }
}

extension ToolStream {
  /// Takes all records; those that cannot be taken fail.
  func readAll(_ take: (Record) throws -> Void) throws {
    while let numbered = try next() {
      do {
        try take(numbered.record)
        try complete(numbered, with: [])
      } catch let error as FileError where error.kind == .closed {
        throw error
      } catch let error where error is RanksEnded || error is CommunicationError {
        throw error
      } catch let error as TensorError where error.kind == .inputOutput {
        // A disk that fails is no record's fault.
        throw error
      } catch {
        try fail(numbered, error)
      }
    }
  }
}

extension TrainingRecord {
  /// Reads the frame that a record's `loss` names.
  init(
    _ record: Record, archives: ArchiveReader, agreement: inout FrameAgreement, model: TransformerModel
  ) throws {
    guard let id = record.idText else { throw RecordError(missing: "id") }
    guard let loss = record["loss"] else { throw RecordError(missing: "loss") }
    let reference = try FrameReference(json: loss, field: "loss")
    let frame = try LossFrame(parsing: archives.read(reference), source: "\(reference)")
    if let named = frame.origin.id, named != id {
      throw RecordError("\(reference): the frame is of id \"\(named)\"")
    }
    try agreement.admit(frame.origin, source: "\(reference)")
    try self.init(id: id, frame: frame, model: model)
  }
}
