import ArgumentParser
import Checkpoints
import Kernels
import Records
import Tensors
import ToolSupport
import Training
import Transformer

extension LearningRateSchedule.Shape: ExpressibleByArgument {}
extension TrainingOrder.Kind: ExpressibleByArgument {}

@main struct StepTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-step",
    abstract: "Takes optimiser steps on the loss frames that records name, or on losses made before each step.",
    discussion: """
      Reads the records' loss frames, trains a LoRA adapter on them, and writes the adapter with the optimiser's state. \
      Metrics go to stdout, one JSON line a step. A run that was cut short by --steps goes on where it stopped when the \
      same records are given again with --adapter naming what it wrote.

      With --rescore the weights are live: the records, as nlft-judge writes them, are scored with the adapter as it is \
      before each step, and weighed as nlft-saliency does. This costs an extra scoring pass per step, and no archive is \
      read or written. In the constants below, b, s and j are a token's probabilities under the base, standard and \
      judge prompts.

      Examples:
        nlft-step --model model.gguf --output adapter weighted.jsonl > steps.jsonl
        nlft-step --model model.gguf --adapter adapter --output adapter-2 \\
          weighted-2.jsonl > steps-2.jsonl
        nlft-step --model model.gguf --output adapter-live --rescore nlft \\
          judged.jsonl > steps-live.jsonl
      """,
    version: toolVersion)

  @OptionGroup var model: ModelOptions
  @Option(
    help: ArgumentHelp(
      "Where the trained adapter goes; an adapter that is there is replaced as a whole.", valueName: "directory"),
    completion: .directory)
  var output: String
  @OptionGroup(title: "Training options") var training: TrainingOptions
  @OptionGroup(title: "Adapter options") var shape: AdapterOptions
  @OptionGroup(title: "Live weights (all go with --rescore)") var rescoring: RescoringOptions
  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    try runTool("nlft-step") {
      try stream.checkOutputs(besides: [model.model, model.adapter])
      let claim = try OutputClaim(directory: output)
      defer { withExtendedLifetime(claim) {} }
      do { try AdapterDirectory.checkReplaceable(output) } catch let error as TrainingError {
        throw ToolError(.usage, "--output \(error)")
      }
      let checkpoint = try ModelCheckpoint.open(model.model)
      let adapter = try startingAdapter(checkpoint)
      let state = try startingState(adapter)
      if let state, state.model != checkpoint.fingerprint {
        throw ToolError(.data, "\(model.adapter ?? ""): was trained on another model than \(model.model)")
      }
      let transformer = TransformerModel(
        checkpoint: checkpoint, adapter: adapter, products: try model.products(threads: common.threadCount))
      let stream = try ToolStream(tool: "nlft-step", stream: stream, quiet: common.quiet)
      let records: any LossSource =
        if let live = try rescoring.records(model: transformer) {
          try stream.judgedRecords(addedTo: live, model: transformer)
        } else {
          try stream.weightedRecords(model: transformer)
        }
      if records.count > 0 { try train(records, transformer, state, stream) }
      let code = try stream.finish()
      if records.count == 0, code == .success { throw ToolError(.data, "no record is left to learn from") }
      return code
    }
  }

  private func startingAdapter(_ checkpoint: ModelCheckpoint) throws -> Adapter {
    guard let directory = model.adapter else {
      return Adapter.initialized(
        try shape.configuration(baseModel: model.model), for: checkpoint.configuration, seed: training.seed)
    }
    var adapter = try Adapter.read(directory: directory, for: checkpoint.configuration)
    try shape.apply(to: &adapter, from: directory)
    return adapter
  }

  private func startingState(_ adapter: Adapter) throws -> TrainingState? {
    do {
      return try model.adapter.flatMap { try TrainingState(directory: $0, adapter: adapter) }
    } catch let error as TrainingError { throw ToolError(.data, "\(error)") }
  }

  private func train(
    _ records: any LossSource, _ transformer: TransformerModel, _ state: TrainingState?, _ stream: ToolStream
  ) throws {
    let order = TrainingOrder(
      training.order, count: records.count, batch: training.batch, epochs: training.epochs, seed: training.seed)
    let fingerprint = order.fingerprint(records: records)
    let past = state?.optimizer.steps ?? 0
    var run = TrainingState.Run(fingerprint: fingerprint, start: past, steps: order.steps)
    if let last = state?.run, last.fingerprint == fingerprint, past < last.start + last.steps {
      run = last
      stream.note("going on at step \(past - run.start + 1) of \(run.steps)")
    }
    var trainer = try Trainer(
      model: transformer, optimizer: state?.optimizer, clip: training.clip, microBatch: training.microBatch)
    let schedule = LearningRateSchedule(
      shape: training.schedule, peak: training.learningRate, warmup: training.warmup,
      totalSteps: training.totalSteps ?? run.steps)
    let dropout = trainer.adapter.configuration.dropout
    func save() throws {
      let fingerprint = trainer.adapter.fingerprint
      try AdapterDirectory.write(
        trainer.adapter,
        state: TrainingState(
          optimizer: trainer.optimizer, run: run, schedule: schedule, seed: training.seed,
          model: transformer.checkpoint.fingerprint, adapter: fingerprint, losses: records.settings),
        to: output)
    }
    let last = min(run.steps, past - run.start + (training.steps ?? run.steps))
    var highestRate = 0.0
    let first = past - run.start
    for step in first..<last {
      let (epoch, indices) = order.records(step: step)
      let start = ContinuousClock.now
      let absolute = run.start + step
      let rate = schedule.rate(step: training.totalSteps == nil ? step : absolute)
      highestRate = max(highestRate, rate)
      let losses: StepLosses
      let metrics: StepMetrics
      do {
        losses = try records.losses(of: indices)
        metrics = try trainer.step(
          losses.records,
          learningRate: rate,
          dropout: dropout > 0
            ? StepDropout(rate: Float(dropout), seed: SplitMix64.mixed(training.seed &+ UInt64(absolute))) : nil)
      } catch {
        throw ToolError(.data, "step \(absolute + 1): \(error)")
      }
      if let warning = losses.warning { stream.warn("step \(metrics.step): \(warning)") }
      try stream.emit(
        metrics.record(epoch: epoch + 1, ids: losses.records.map(\.id), seconds: ContinuousClock.now - start))
      // Only now, as a reader of stdout that has gone away wants no words.
      if step == first { for settings in records.settings { stream.note("losses: \(settings)") } }
      if let every = training.saveEvery, (step + 1) % every == 0, step + 1 < last { try save() }
    }
    try save()
    if highestRate == 0 {
      stream.warn("the learning rate was 0 throughout, so nothing was learned: the warm-up begins at 0")
    }
  }
}
