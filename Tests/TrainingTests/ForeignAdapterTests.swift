import Checkpoints
import Kernels
import Records
import TemporaryFolders
import Testing
import TinyModels
import Training

/// Training goes on from an adapter made elsewhere: other ranks and scales here and there, some projections in some layers.
@Suite struct ForeignAdapterTests {
  private let trial: Trial
  private let folder: TemporaryFolder
  private let records: [TrainingRecord]

  init() throws {
    trial = try Trial()
    folder = try TemporaryFolder()
    records = try trial.records(6)
    var adapter = trial.model.adapter(targets: [.query, .down])
    let wide = trial.model.adapter(rank: 5, targets: [.down], seed: 9)
    adapter.layers[1][.down] = wide.layers[1][.down]
    adapter.layers[0][.query] = nil
    try adapter.write(directory: folder.path)
    let text = try #require(folder.text("adapter_config.json"))
    try folder.write(
      text.replacing("\"rank_pattern\": {}", with: "\"rank_pattern\": {\"layers.1.mlp.down_proj\": 5}")
        .replacing("\"alpha_pattern\": {}", with: "\"alpha_pattern\": {\"q_proj\": 11}")
        .replacing("\"use_rslora\": false", with: "\"use_rslora\": true"), to: "adapter_config.json")
  }

  private func read(_ path: String) throws -> Adapter {
    try Adapter.read(directory: path, for: trial.transformer(nil).configuration)
  }

  private func train(_ trainer: inout Trainer, steps: Range<Int>) throws {
    for step in steps { _ = try trainer.step([records[step], records[5 - step]], learningRate: 0.01) }
  }

  @Test func trainingGoesOnWithTheSameScales() throws {
    let start = try read(folder.path)
    #expect(try TrainingState(directory: folder.path, adapter: start) == nil)
    #expect(start.layers[1][.query]?.scale == Float(11 / 3.0.squareRoot()))
    #expect(start.layers[1][.down]?.scale == Float(6 / 5.0.squareRoot()))
    let before = start.values
    var uninterrupted = try trial.trainer(start)
    try train(&uninterrupted, steps: 0..<4)
    // Every matrix learns.
    #expect(zip(start.parameters, try read(folder.path).parameters).allSatisfy { $0.matrix.values != $1.matrix.values })
    #expect(start.values.count == before.count)

    var first = try trial.trainer(try read(folder.path))
    try train(&first, steps: 0..<2)
    let path = folder.file("saved")
    try AdapterDirectory.write(
      first.adapter,
      state: TrainingState(
        optimizer: first.optimizer, run: TrainingState.Run(fingerprint: "run", start: 0, steps: 4),
        schedule: LearningRateSchedule(shape: .constant, peak: 0.01, warmup: 0, totalSteps: 4), seed: 1, model: "model",
        adapter: first.adapter.fingerprint), to: path)
    let saved = try read(path)
    for (own, other) in zip(saved.layers, start.layers) { #expect(own.mapValues(\.scale) == other.mapValues(\.scale)) }
    let state = try #require(try TrainingState(directory: path, adapter: saved))
    var second = try trial.trainer(saved, optimizer: state.optimizer)
    try train(&second, steps: 2..<4)
    #expect(saved.values == start.values)
  }
}
