import Records
import Training

extension StepMetrics {
  /// What there is to say of records that the step does without; nil if there are none.
  var warning: String? {
    guard !weightless.isEmpty else { return nil }
    let ids = weightless.map { "\"\($0)\"" }.joined(separator: ", ")
    return "no token with a weight in id \(ids)"
      + (self.ids.isEmpty ? "; the step is taken with a gradient of zero" : "; the step does without")
  }

  /// The step's line on stdout.
  func record(epoch: Int, seconds: Duration) -> Record {
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
