import Checkpoints
import GoldenData
import Kernels
import Tensors
import Testing
import Training
import Transformer

@Suite(.enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)))
struct GoldenTraceTests {
  @Test(arguments: GoldenData.architectures)
  func tenStepsAgreeWithPyTorch(_ architecture: String) throws {
    let folder = GoldenData.folder + "/models/" + architecture
    let expected = try TensorFile(
      parsing: GoldenData.bytes("models/\(architecture)/expected.safetensors"), source: architecture)
    let checkpoint = try ModelCheckpoint.open(folder)
    let adapter = try Adapter.read(directory: folder + "/adapter", for: checkpoint.configuration)
    let model = TransformerModel(checkpoint: checkpoint, adapter: adapter, products: try Products(threads: 2))
    let tokens = try expected.tensor("tokens").int32s()
    let sequence = LossSequence(
      tokens: tokens, positions: tokens.indices.map(Int32.init), targets: try expected.tensor("target").int32s(),
      likelihood: try expected.tensor("likelihood").floats(), unlikelihood: try expected.tensor("unlikelihood").floats()
    )
    let record = try TrainingRecord(
      id: "golden", frame: LossFrame(origin: FrameOrigin(), sequences: [sequence], classes: nil), model: model)
    let schedule = LearningRateSchedule(shape: .cosine, peak: 5e-3, warmup: 0.1, totalSteps: 10)
    var trainer = try Trainer(model: model, clip: 1)
    let trace = try expected.tensor("trace").floats()
    for step in 0..<10 {
      let metrics = try trainer.step([record], learningRate: schedule.rate(step: step))
      #expect(isClose(metrics.loss, trace[3 * step], 1e-3), "loss of step \(step)")
      #expect(isClose(metrics.gradientNorm, trace[3 * step + 1], 1e-3), "gradient norm of step \(step)")
      #expect(abs(metrics.learningRate - Double(trace[3 * step + 2])) < 1e-9, "learning rate of step \(step)")
    }
    for (name, matrix) in adapter.parameters {
      let reference = try expected.tensor("trained." + name).floats()
      let largest = reference.map(abs).max() ?? 0
      let difference = zip(matrix.values, reference).map { abs($0 - $1) }.max() ?? 0
      #expect(difference <= 1e-3 * largest, "\(name): \(difference)")
    }
  }

  private func isClose(_ value: Double, _ reference: Float, _ tolerance: Double) -> Bool {
    abs(value - Double(reference)) <= tolerance * abs(Double(reference))
  }
}
