import Checkpoints
import Kernels
import Records
import Tensors

/// What lies beside an adapter so that its training can go on: training_state.json and the optimiser's moments.
public struct TrainingState: Sendable {
  /// One pass of nlft-step over its records, finished or not.
  public struct Run: Sendable, Equatable {
    /// Tells whether it is the same pass: over the records' losses and everything that decides their order.
    public var fingerprint: String
    /// The optimiser's step at which it began.
    public var start: Int
    /// Steps that it has in all.
    public var steps: Int

    /// A pass from its parts.
    public init(fingerprint: String, start: Int, steps: Int) {
      self.fingerprint = fingerprint
      self.start = start
      self.steps = steps
    }
  }

  /// The optimiser.
  public var optimizer: AdamW
  /// The last pass.
  public var run: Run
  /// The last pass's schedule.
  public var schedule: LearningRateSchedule
  /// The last pass's seed.
  public var seed: UInt64
  /// Fingerprint of the model.
  public var model: String
  /// Fingerprint of the adapter beside it.
  public var adapter: String
  /// How the weights of the last pass's losses were made, as far as the frames say it: see `LossSource.settings`.
  public var losses: [String]

  /// A state from its parts.
  public init(
    optimizer: AdamW, run: Run, schedule: LearningRateSchedule, seed: UInt64, model: String, adapter: String,
    losses: [String] = []
  ) {
    self.optimizer = optimizer
    self.run = run
    self.schedule = schedule
    self.seed = seed
    self.model = model
    self.adapter = adapter
    self.losses = losses
  }

  static let stateName = "training_state.json"
  static let momentsName = "optimizer.safetensors.zst"

  /// Writes both files into an existing directory.
  /// - Throws: `FileError` or `TensorError`.
  public func write(directory: String) throws {
    var file = TensorFile(metadata: ["adapter": adapter, "step": "\(optimizer.steps)"])
    for (prefix, moments) in [("first.", optimizer.first), ("second.", optimizer.second)] {
      for (name, matrix) in moments.parameters {
        file[prefix + name] = Tensor(matrix.values, shape: [matrix.rows, matrix.columns])
      }
    }
    let archive = try ArchiveWriter(path: directory + "/" + Self.momentsName)
    let reference = try archive.append(file)
    try archive.close()
    let json = JSON.object([
      "step": .integer(optimizer.steps), "seed": .number("\(seed)"),
      "schedule": .object([
        "shape": .string(schedule.shape.rawValue), "peak": .double(schedule.peak),
        "warmup_steps": .integer(schedule.warmupSteps), "total_steps": .integer(schedule.totalSteps),
      ]),
      "run": .object([
        "fingerprint": .string(run.fingerprint), "start": .integer(run.start), "steps": .integer(run.steps),
      ]),
      "losses": .array(losses.map { .string($0) }),
      "fingerprints": .object(["model": .string(model), "adapter": .string(adapter)]),
      "optimizer_bytes": .integer(reference.bytes),
    ])
    try AtomicFile.write(Array(json.indentedText.utf8), to: directory + "/" + Self.stateName)
  }
}

extension TrainingState {
  /// Reads the state beside an adapter; nil if the adapter has none, as those made elsewhere.
  /// - Throws: `TrainingError` or `TensorError` naming the file and what is wrong with it.
  public init?(directory: String, adapter: Adapter) throws {
    let path = directory + "/" + Self.stateName
    guard let bytes = try WholeFile.bytesIfPresent(path, limit: 1 << 26) else { return nil }
    let json: JSON
    do { json = try JSON(parsing: bytes) } catch { throw TrainingError("\(path): \(error)") }
    func member<Value>(_ value: Value?, _ name: String) throws(TrainingError) -> Value {
      guard let value else { throw TrainingError("\(path): \"\(name)\" is missing or of the wrong type") }
      return value
    }
    func count(_ value: JSON?, _ name: String, upTo limit: Int = 1 << 48) throws(TrainingError) -> Int {
      let found = try member(value?.integer, name)
      guard (0...limit).contains(found) else {
        throw TrainingError("\(path): \"\(name)\" is \(found), expected 0 to \(limit)")
      }
      return found
    }
    let steps = try count(json["step"], "step")
    let shape = try member(
      (json["schedule"]?["shape"]?.string).flatMap { LearningRateSchedule.Shape(rawValue: $0) }, "schedule.shape")
    let peak = try member(json["schedule"]?["peak"]?.double.flatMap { $0 >= 0 ? $0 : nil }, "schedule.peak")
    var schedule = LearningRateSchedule(
      shape: shape, peak: peak, warmup: 0,
      totalSteps: try count(json["schedule"]?["total_steps"], "schedule.total_steps"))
    schedule.warmupSteps = try count(
      json["schedule"]?["warmup_steps"], "schedule.warmup_steps", upTo: schedule.totalSteps)
    let beside = try member(json["fingerprints"]?["adapter"]?.string, "fingerprints.adapter")
    guard beside == adapter.fingerprint else {
      throw TrainingError(
        "\(path): belongs to another adapter (fingerprint \(beside), found \(adapter.fingerprint)); "
          + "remove it to start the optimiser afresh")
    }
    guard case .number(let digits)? = json["seed"], let seed = UInt64(digits) else {
      throw TrainingError("\(path): \"seed\" is missing or of the wrong type")
    }
    let losses = try (json["losses"].map { try member($0.array, "losses") } ?? []).map {
      try member($0.string, "losses")
    }
    let bytesOfMoments = try count(json["optimizer_bytes"], "optimizer_bytes")
    let optimizer = try Self.moments(directory: directory, bytes: bytesOfMoments, steps: steps, adapter: adapter)
    self.init(
      optimizer: optimizer,
      run: Run(
        fingerprint: try member(json["run"]?["fingerprint"]?.string, "run.fingerprint"),
        start: try count(json["run"]?["start"], "run.start", upTo: steps),
        steps: try count(json["run"]?["steps"], "run.steps")),
      schedule: schedule, seed: seed, model: try member(json["fingerprints"]?["model"]?.string, "fingerprints.model"),
      adapter: beside, losses: losses)
  }

  private static func moments(directory: String, bytes: Int, steps: Int, adapter: Adapter) throws -> AdamW {
    let path = directory + "/" + momentsName
    let file = try ArchiveReader().read(FrameReference(archive: path, offset: 0, bytes: bytes))
    let expected = ["adapter": adapter.fingerprint, "step": "\(steps)"]
    for (key, value) in expected where file.metadata[key] != value {
      throw TrainingError(
        "\(path): belongs to another adapter or step (\(key) \(file.metadata[key] ?? "missing"), expected \(value))")
    }
    let optimizer = AdamW(steps: steps, first: adapter.zeros(), second: adapter.zeros())
    for (prefix, moments) in [("first.", optimizer.first), ("second.", optimizer.second)] {
      for (name, matrix) in moments.parameters {
        guard let tensor = file[prefix + name], tensor.shape == [matrix.rows, matrix.columns] else {
          throw TrainingError("\(path): the tensor \(prefix + name) is missing or of the wrong shape")
        }
        matrix.fill(try tensor.floats())
      }
    }
    return optimizer
  }
}
