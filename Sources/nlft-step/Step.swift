import ArgumentParser
import Checkpoints
import Kernels
import MessagePassing
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
      before each step, and weighed as nlft-saliency does. No archive is read or written. Scores are taken without \
      dropout, which costs an extra scoring pass per step, unless --dropout is 0 or --single-pass is given. In the \
      constants below, b, s and j are a token's probabilities under the base, standard and judge prompts.

      With --dry-run the steps of one pass over the records are computed and not taken: the lines on stdout have the \
      same fields, but each step's loss and gradient_norm (before clipping) are those of the weights as they were \
      given, learning_rate is what the step would have had, and nothing is written.

      Examples:
        nlft-step --model model.gguf --output adapter weighted.jsonl > steps.jsonl
        nlft-step --model model.gguf --dry-run weighted.jsonl > planned.jsonl
        nlft-step --model model.gguf --adapter adapter --output adapter-2 \\
          weighted-2.jsonl > steps-2.jsonl
        nlft-step --model model.gguf --output adapter-live --rescore nlft \\
          judged.jsonl > steps-live.jsonl
      """,
    version: toolVersion)

  @OptionGroup var model: ModelOptions
  @Option(
    help: ArgumentHelp(
      "Where the trained adapter goes; an adapter that is there is replaced as a whole. Needed unless there is --dry-run.",
      valueName: "directory"),
    completion: .directory)
  var output: String?
  @Flag(help: "Take no step: show what those of one pass find with the weights as they are given, and write nothing.")
  var dryRun = false
  @OptionGroup(title: "Training options") var training: TrainingOptions
  @OptionGroup(title: "Adapter options") var shape: AdapterOptions
  @OptionGroup(title: "Live weights (all go with --rescore)") var rescoring: RescoringOptions
  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if output == nil, !dryRun {
      throw ValidationError("--output DIRECTORY, where the adapter goes, can be left out only with --dry-run.")
    }
  }

  /// Where the adapter goes; nil if nothing is written.
  private var written: String? { dryRun ? nil : output }

  func run() throws {
    // MPI ends when this goes: behind the last word of rank 0, as launchers end all ranks when the first has failed.
    var communicator: (any Communicator)?
    defer { withExtendedLifetime(communicator) {} }
    try runTool("nlft-step") {
      let joined: any Communicator
      do { joined = try Processes.join() } catch let error as LaunchError { throw ToolError(.usage, "\(error)") }
      communicator = joined
      let ranks = RankGroup(joined)
      return try ranks.together { try ranks.rank == 0 ? readAndTrain(ranks) : train(with: ranks) }
    }
  }

  /// All of a process alone, and of rank 0.
  private func readAndTrain(_ ranks: RankGroup) throws -> ExitCode {
    try stream.checkOutputs(besides: [model.model, model.adapter])
    let claim = try written.map { try OutputClaim(directory: $0) }
    defer { withExtendedLifetime(claim) {} }
    do { try written.map { try AdapterDirectory.checkReplaceable($0) } } catch let error as TrainingError {
      throw ToolError(.usage, "--output \(error)")
    }
    let (transformer, state) = try starting(ranks)
    let stream = try ToolStream(tool: "nlft-step", stream: stream, quiet: common.quiet)
    let records = try records(from: InputFeed(stream: stream, ranks: ranks), transformer)
    if records.count > 0 { try train(records, transformer, state, ranks, stream) }
    let code = try stream.finish()
    if records.count == 0, code == .success { throw ToolError(.data, "no record is left to learn from") }
    return code
  }

  /// The part of a rank that reads and writes nothing but model, adapter and archives.
  private func train(with ranks: RankGroup) throws -> ExitCode {
    let (transformer, state) = try starting(ranks)
    let records = try records(from: RankFeed(ranks: ranks), transformer)
    if records.count > 0 { try train(records, transformer, state, ranks, nil) }
    return .success
  }

  /// The model with the adapter as it is before the first step.
  private func starting(_ ranks: RankGroup) throws -> (model: TransformerModel, state: TrainingState?) {
    let checkpoint = try ModelCheckpoint.open(model.model)
    let adapter = try startingAdapter(checkpoint)
    let state = try startingState(adapter)
    if let state, state.model != checkpoint.fingerprint {
      throw ToolError(.data, "\(model.adapter ?? ""): was trained on another model than \(model.model)")
    }
    let sharing = try Processes.sharing(cores: CommonOptions.coreMask ?? "", ranks)
    let threads = common.threads ?? max(1, common.threadCount / sharing)
    return (
      TransformerModel(checkpoint: checkpoint, adapter: adapter, products: try model.products(threads: threads)), state
    )
  }

  private func records(from feed: some RecordFeed, _ transformer: TransformerModel) throws -> any LossSource {
    if let live = try rescoring.records(model: transformer) {
      return try feed.judgedRecords(addedTo: live, model: transformer)
    }
    return try feed.weightedRecords(model: transformer)
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
    _ records: any LossSource, _ transformer: TransformerModel, _ state: TrainingState?, _ ranks: RankGroup,
    _ stream: ToolStream?
  ) throws {
    let order = TrainingOrder(
      training.order, count: records.count, batch: training.batch, epochs: training.epochs, seed: training.seed)
    let fingerprint = order.fingerprint(records: records)
    let past = state?.optimizer.steps ?? 0
    var run = TrainingState.Run(fingerprint: fingerprint, start: past, steps: order.steps)
    if let last = state?.run, last.fingerprint == fingerprint, past < last.start + last.steps {
      run = last
      stream?.note("going on at step \(past - run.start + 1) of \(run.steps)")
    }
    var trainer = try Trainer(
      model: transformer, optimizer: state?.optimizer, clip: training.clip, microBatch: training.microBatch,
      ranks: ranks)
    try ranks.checkSame("model", transformer.checkpoint.fingerprint)
    try ranks.checkSame("records or order", fingerprint)
    try ranks.checkSame("adapter", "\(past) \(trainer.adapter.fingerprint)")
    let schedule = LearningRateSchedule(
      shape: training.schedule, peak: training.learningRate, warmup: training.warmup,
      totalSteps: training.totalSteps ?? run.steps)
    let dropout = trainer.adapter.configuration.dropout
    func save() throws {
      guard let written else { return }
      let fingerprint = trainer.adapter.fingerprint
      try ranks.checkSame("adapter after \(trainer.optimizer.steps) steps", fingerprint)
      guard ranks.rank == 0 else { return }
      try AdapterDirectory.write(
        trainer.adapter,
        state: TrainingState(
          optimizer: trainer.optimizer, run: run, schedule: schedule, seed: training.seed,
          model: transformer.checkpoint.fingerprint, adapter: fingerprint, losses: records.settings),
        to: written)
    }
    let first = past - run.start
    var last = min(run.steps, first + (training.steps ?? run.steps))
    if dryRun { last = min(last, order.endOfEpoch(step: first)) }
    var highestRate = 0.0
    let begin = ContinuousClock.now
    for step in first..<last {
      let (epoch, indices) = order.records(step: step)
      let start = ContinuousClock.now
      let absolute = run.start + step
      let rate = schedule.rate(step: training.totalSteps == nil ? step : absolute)
      highestRate = max(highestRate, rate)
      var metrics: StepMetrics
      do {
        let share = try ranks.share(of: indices, from: records, model: transformer)
        metrics = try trainer.step(
          share,
          // A step of rate 0 leaves the weights as they are, to the last bit.
          learningRate: dryRun ? 0 : rate,
          dropout: dropout > 0
            ? StepDropout(rate: Float(dropout), seed: SplitMix64.mixed(training.seed &+ UInt64(absolute))) : nil)
      } catch let error as TrainingError {
        throw ToolError(.data, "step \(absolute + 1): \(error)")
      }
      metrics.learningRate = rate
      if let warning = metrics.warning { stream?.warn("step \(metrics.step): \(warning)") }
      try stream?.emit(metrics.record(epoch: epoch + 1, seconds: ContinuousClock.now - start))
      stream?.progress {
        ProgressText.steps(
          step + 1, of: run.steps, loss: metrics.loss, taken: step + 1 - first, remaining: last - step - 1,
          seconds: (ContinuousClock.now - begin).inSeconds)
      }
      // Only now, as a reader of stdout that has gone away wants no words.
      if step == first { for settings in records.settings { stream?.note("losses: \(settings)") } }
      if let every = training.saveEvery, (step + 1) % every == 0, step + 1 < last { try save() }
    }
    // What is written is put together in memory first: better where the passes had theirs than on top of it.
    Matrix.releaseUnusedMemory()
    try save()
    if let balance = trainer.balance {
      stream?.note("\(ranks.size) ranks, computing \(Int((balance * 100).rounded())) % of the time")
    }
    if dryRun {
      stream?.note("dry run: nothing was written")
    } else if highestRate == 0 {
      stream?.warn("the learning rate was 0 throughout, so nothing was learned: the warm-up begins at 0")
    }
  }
}
