import ArgumentParser
import Checkpoints
import ToolSupport
import Training

struct TrainingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Records of a step; the loss is divided by their number.", valueName: "n"))
  var batch = 4
  @Option(
    help: ArgumentHelp(
      "Records of one forward and backward pass; gradients are added up over a step. (default: as many as fit)",
      valueName: "n"))
  var microBatch: Int?
  @Option(help: ArgumentHelp("Passes over the records.", valueName: "n"))
  var epochs = 1
  @Option(help: ArgumentHelp("Peak learning rate.", valueName: "rate"))
  var learningRate = 5e-5
  @Option(help: ArgumentHelp("What follows the warm-up: cosine, linear or constant.", valueName: "shape"))
  var schedule: LearningRateSchedule.Shape = .cosine
  @Option(help: ArgumentHelp("Share of the steps in which the rate rises from 0.", valueName: "share"))
  var warmup = 0.1
  @Option(
    help: ArgumentHelp(
      "Steps of a schedule that spans several runs, counted over the adapter's life. (default: this run's)",
      valueName: "n"))
  var totalSteps: Int?
  @Option(help: ArgumentHelp("Take at most this many steps now.", valueName: "n"))
  var steps: Int?
  @Option(help: ArgumentHelp("Save the adapter every so many steps, not only at the end.", valueName: "n"))
  var saveEvery: Int?
  @Option(help: ArgumentHelp("Order of the records in an epoch: shuffled or stream.", valueName: "order"))
  var order: TrainingOrder.Kind = .shuffled
  @Option(help: ArgumentHelp("Largest gradient norm of an update.", valueName: "norm"))
  var clip = 1.0
  @Option(help: ArgumentHelp("Decides initial weights, order and dropout.", valueName: "n"))
  var seed: UInt64 = 0

  func validate() throws {
    try requireCount(batch, "--batch")
    try requireCount(epochs, "--epochs")
    try requirePositive(clip, "--clip")
    let counts = [
      (microBatch, "--micro-batch"), (totalSteps, "--total-steps"), (steps, "--steps"), (saveEvery, "--save-every"),
    ]
    for (value, name) in counts {
      if let value { try requireCount(value, name) }
    }
    guard clip.isFinite else { throw ValidationError("--clip must be a finite number, not \(clip).") }
    guard learningRate >= 0, learningRate.isFinite else {
      throw ValidationError("--learning-rate must not be below 0, not \(learningRate).")
    }
    guard (0...1).contains(warmup) else { throw ValidationError("--warmup must be between 0 and 1, not \(warmup).") }
  }
}

/// The shape of a fresh adapter. One that is given has its own: what contradicts it is refused.
struct AdapterOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Rank of the adapter. (default: 16, or the given one's)", valueName: "r"))
  var rank: Int?
  @Option(
    help: ArgumentHelp("The update is scaled by alpha/rank. (default: 16, or the given one's)", valueName: "alpha"))
  var alpha: Double?
  @Option(
    help: ArgumentHelp(
      "Share of an adapted layer's inputs dropped in training. (default: 0.05, or the given one's)", valueName: "share")
  )
  var dropout: Double?
  @Option(
    help: ArgumentHelp(
      "Adapted projections: q_proj k_proj v_proj o_proj gate_proj up_proj down_proj. (default: gate_proj,up_proj,down_proj, or the given one's)",
      valueName: "names"))
  var targets: String?

  func validate() throws {
    if let rank, !(1...4096).contains(rank) { throw ValidationError("--rank must be 1 to 4096, not \(rank).") }
    if let alpha, !(alpha > 0 && alpha.isFinite) { throw ValidationError("--alpha must be above 0, not \(alpha).") }
    if let dropout, !(0..<1).contains(dropout) {
      throw ValidationError("--dropout must be 0 up to but not including 1, not \(dropout).")
    }
    _ = try projections()
  }

  private func projections() throws -> [Projection]? {
    guard let targets else { return nil }
    let names = targets.split(separator: ",").map(String.init)
    let projections = try names.map { name in
      guard let projection = Projection(rawValue: name) else {
        let known = Projection.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--targets: \"\(name)\" is none of \(known).")
      }
      return projection
    }
    guard !projections.isEmpty, Set(projections).count == projections.count else {
      throw ValidationError("--targets must name each projection once, and at least one.")
    }
    return projections.sorted()
  }

  /// The configuration of a fresh adapter.
  func configuration(baseModel: String) throws -> AdapterConfiguration {
    AdapterConfiguration(
      rank: rank ?? 16, alpha: alpha ?? 16, dropout: dropout ?? 0.05,
      targets: try projections() ?? [.gate, .up, .down], baseModel: baseModel)
  }

  /// Takes over the dropout and refuses a shape that is not the given adapter's.
  func apply(to adapter: inout Adapter, from directory: String) throws {
    let own = adapter.configuration
    func check<Value: Equatable>(_ option: String, _ asked: Value?, _ found: Value, _ text: (Value) -> String) throws {
      guard let asked, asked != found else { return }
      throw ToolError(.usage, "\(option) \(text(asked)): the adapter in \(directory) has \(text(found))")
    }
    try check("--rank", rank, own.rank) { "\($0)" }
    try check("--alpha", alpha, own.alpha) { "\($0)" }
    try check("--targets", projections(), own.targets) { $0.map(\.rawValue).joined(separator: ",") }
    if let dropout { adapter.configuration.dropout = dropout }
  }
}
