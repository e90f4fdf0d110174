import Checkpoints
import Kernels
import Records
import TemporaryFolders
import Testing
import TinyModels
import Training
import Transformer

/// Saving, stopping and going on gives the bytes of never having stopped.
@Suite struct ResumptionTests {
  private let trial: Trial
  private let records: [TrainingRecord]
  private let schedule = LearningRateSchedule(shape: .cosine, peak: 0.02, warmup: 0.2, totalSteps: 10)

  init() throws {
    trial = try Trial()
    records = try trial.records(7)
  }

  private func train(_ trainer: inout Trainer, steps: Range<Int>) throws {
    let order = TrainingOrder(.shuffled, count: records.count, batch: 3, epochs: 4, seed: 3)
    for step in steps {
      _ = try trainer.step(
        order.records(step: step).indices.map { records[$0] }, learningRate: schedule.rate(step: step),
        dropout: StepDropout(rate: 0.1, seed: SplitMix64.mixed(UInt64(step))))
    }
  }

  private func state(_ trainer: Trainer) -> TrainingState {
    TrainingState(
      optimizer: trainer.optimizer, run: TrainingState.Run(fingerprint: "run", start: 0, steps: 10),
      schedule: schedule, seed: 18_446_744_073_709_551_615, model: "model", adapter: trainer.adapter.fingerprint)
  }

  @Test(arguments: [1, 4, 9]) func resumedTrainingGivesTheSameBits(_ stop: Int) throws {
    let whole = try fresh()
    var uninterrupted = try trial.trainer(whole)
    try train(&uninterrupted, steps: 0..<10)

    let folder = try TemporaryFolder()
    let path = folder.file("adapter")
    var first = try trial.trainer(try fresh())
    try train(&first, steps: 0..<stop)
    try AdapterDirectory.write(first.adapter, state: state(first), to: path)

    let adapter = try Adapter.read(directory: path, for: trial.transformer(nil).configuration)
    #expect(adapter.values == first.adapter.values)
    let saved = try #require(try TrainingState(directory: path, adapter: adapter))
    #expect(saved.optimizer.steps == stop && saved.schedule == schedule)
    #expect(saved.run == TrainingState.Run(fingerprint: "run", start: 0, steps: 10))
    #expect(saved.seed == .max && saved.model == "model" && saved.adapter == adapter.fingerprint)
    #expect(saved.optimizer.first.values == first.optimizer.first.values)
    #expect(saved.optimizer.second.values == first.optimizer.second.values)
    #expect(saved.optimizer.second.norm > 0)

    var second = try trial.trainer(adapter, optimizer: saved.optimizer)
    try train(&second, steps: stop..<10)
    #expect(adapter.values == whole.values)
    #expect(second.optimizer.first.values == uninterrupted.optimizer.first.values)
    #expect(second.optimizer.second.values == uninterrupted.optimizer.second.values)

    try AdapterDirectory.write(adapter, state: state(second), to: path)
    let other = folder.file("other")
    try AdapterDirectory.write(whole, state: state(uninterrupted), to: other)
    let names = try TemporaryFolder.names(in: folder.file("adapter"))
    #expect(
      names == ["adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors.zst", "training_state.json"])
    for name in names { #expect(try folder.read("adapter/" + name) == folder.read("other/" + name), "\(name)") }
    #expect(folder.names == ["adapter", "other"], "nothing temporary is left")
  }

  /// As nlft-step starts one: B is zero, so that the model is untouched, and A within ±1/√in.
  private func fresh() throws -> Adapter {
    Adapter.initialized(
      AdapterConfiguration(rank: 3, alpha: 6, dropout: 0.1, targets: Projection.allCases, baseModel: "tiny"),
      for: trial.transformer(nil).configuration, seed: 4)
  }

  @Test func freshAdaptersChangeNothing() throws {
    let adapter = try fresh()
    #expect(adapter.values == (try fresh()).values)
    let layout = PackedLayout([trial.sequence(20, seed: 1).tokens])
    #expect(trial.transformer(adapter).logits(layout).values == trial.transformer(nil).logits(layout).values)
    for layer in adapter.layers {
      for (_, pair) in layer {
        #expect(pair.b.values.allSatisfy { $0 == 0 })
        let bound = 1 / Float(pair.a.columns).squareRoot()
        let values = pair.a.values
        #expect(values.allSatisfy { abs($0) <= bound })
        // Of a hundred uniform numbers the largest is almost surely above 0.8 of the bound.
        #expect((values.map(abs).max() ?? 0) > 0.8 * bound)
        #expect(values.contains { $0 < 0 } && values.contains { $0 > 0 })
      }
    }
    let other = Adapter.initialized(adapter.configuration, for: trial.transformer(nil).configuration, seed: 5)
    #expect(other.values != adapter.values)
  }
}
