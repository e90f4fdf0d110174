import Records
import Tensors
import Training
import Transformer

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

extension StepMetrics {
  /// The step's line on stdout.
  func record(epoch: Int, ids: [String], seconds: Duration) -> Record {
    var record = Record()
    record.set("step", to: .integer(step))
    record.set("epoch", to: .integer(epoch))
    record.set("loss", to: .double(loss))
    record.set("gradient_norm", to: .double(gradientNorm))
    record.set("learning_rate", to: .double(learningRate))
    record.set("ids", to: .array(ids.map { .string($0) }))
    record.set("tokens", to: .integer(tokens))
    record.set("rows", to: .integer(rows))
    let time = Double(seconds.components.seconds) + Double(seconds.components.attoseconds) * 1e-18
    record.set("seconds", to: .double((time * 1000).rounded() / 1000))
    return record
  }
}
