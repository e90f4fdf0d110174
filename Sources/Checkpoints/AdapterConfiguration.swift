import Records

/// What adapter_config.json says.
public struct AdapterConfiguration: Sendable, Equatable {
  /// r, where no pattern says otherwise.
  public var rank: Int
  /// α, where no pattern says otherwise; the update is scaled by α/r.
  public var alpha: Double
  /// Share of an adapted layer's inputs that is dropped in training.
  public var dropout: Double
  /// Which projections are adapted, in some layer at least.
  public var targets: [Projection]
  /// The model that the adapter is for, as PEFT notes it.
  public var baseModel: String
  /// Other ranks than `rank`, PEFT's `rank_pattern`.
  public internal(set) var ranks: ModuleValues<Int>
  /// Other values of α than `alpha`, PEFT's `alpha_pattern`.
  public internal(set) var alphas: ModuleValues<Double>
  /// Whether updates are scaled by α/√r instead (rsLoRA, Kalajdzievski, arXiv 2312.03732).
  public var isRankStabilized: Bool

  /// A configuration from its parts, with one rank and α for all projections.
  public init(
    rank: Int, alpha: Double, dropout: Double, targets: [Projection], baseModel: String, isRankStabilized: Bool = false
  ) {
    self.rank = rank
    self.alpha = alpha
    self.dropout = dropout
    self.targets = targets.sorted()
    self.baseModel = baseModel
    self.isRankStabilized = isRankStabilized
    ranks = ModuleValues()
    alphas = ModuleValues()
  }

  /// The scale where no pattern says otherwise: α/r, or α/√r.
  public var scale: Float { scale(rank: rank, alpha: alpha) }

  private func scale(rank: Int, alpha: Double) -> Float {
    Float(isRankStabilized ? alpha / Double(rank).squareRoot() : alpha / Double(rank))
  }

  /// Rank and scale of a module, such as `model.layers.0.self_attn.q_proj`.
  func shape(of module: String) -> (rank: Int, scale: Float) {
    let rank = ranks.value(for: module) ?? rank
    return (rank, scale(rank: rank, alpha: alphas.value(for: module) ?? alpha))
  }
}

/// Values for the modules whose names match patterns; of several patterns the first counts.
public struct ModuleValues<Value: Sendable & Equatable>: Sendable, Equatable {
  private struct Entry: Sendable, Equatable {
    let pattern: ModulePattern
    let value: Value
  }

  private var entries: [Entry] = []

  /// The patterns as they were written and their values, in order.
  public var values: [(pattern: String, value: Value)] { entries.map { ($0.pattern.text, $0.value) } }

  /// Adds a value behind the others.
  mutating func append(_ value: Value, for pattern: ModulePattern) {
    entries.append(Entry(pattern: pattern, value: value))
  }

  /// The value for a module; nil if no pattern matches its name.
  func value(for module: String) -> Value? { entries.first { $0.pattern.matches(module) }?.value }
}

extension AdapterConfiguration {
  /// Reads what can be honoured and refuses what would change the result.
  ///
  /// `target_modules` (names, an expression, "all-linear"), `exclude_modules`, `layers_to_transform` and
  /// `layers_pattern` are not read: they say where matrices are to be made, and the matrices in the file say where they
  /// were. So `targets` is empty until they are seen.
  init(_ file: JSONFile) throws(CheckpointError) {
    let type = try file.string("peft_type") ?? "none"
    guard type == "LORA" else { throw CheckpointError(file.path, "\"peft_type\" is \"\(type)\", expected \"LORA\"") }
    try Self.refuseVariants(file)
    let alpha = try file.requiredDouble("lora_alpha")
    guard alpha.isFinite else { throw CheckpointError(file.path, "\"lora_alpha\" is \(alpha)") }
    let dropout = try file.double("lora_dropout") ?? 0
    guard dropout >= 0, dropout < 1 else {
      throw CheckpointError(file.path, "\"lora_dropout\" is \(dropout), expected 0 up to but not including 1")
    }
    self.init(
      rank: try Self.rank(try file.requiredInteger("r"), "r", file), alpha: alpha, dropout: dropout, targets: [],
      baseModel: try file.string("base_model_name_or_path") ?? "",
      isRankStabilized: try file.bool("use_rslora") ?? false)
    for (key, pattern) in try Self.patterns("rank_pattern", file) {
      guard let found = try file.object("rank_pattern")?.requiredInteger(key) else { continue }
      ranks.append(try Self.rank(found, "rank_pattern\" for \"\(key)", file), for: pattern)
    }
    for (key, pattern) in try Self.patterns("alpha_pattern", file) {
      guard let found = try file.object("alpha_pattern")?.requiredDouble(key) else { continue }
      guard found.isFinite else { throw CheckpointError(file.path, "\"alpha_pattern\" for \"\(key)\" is \(found)") }
      alphas.append(found, for: pattern)
    }
  }

  private static func rank(_ found: Int, _ key: String, _ file: JSONFile) throws(CheckpointError) -> Int {
    guard (1...4096).contains(found) else {
      throw CheckpointError(file.path, "\"\(key)\" is \(found), expected 1 to 4096")
    }
    return found
  }

  /// More than the projections of any model, each of which is matched with each.
  private static let mostPatterns = 2048

  private static func patterns(
    _ key: String, _ file: JSONFile
  ) throws(CheckpointError) -> [(key: String, pattern: ModulePattern)] {
    let members = try file.object(key)?.value.members ?? []
    guard members.count <= mostPatterns else {
      throw CheckpointError(file.path, "\"\(key)\" has \(members.count) patterns, expected at most \(mostPatterns)")
    }
    var patterns: [(String, ModulePattern)] = []
    for member in members {
      do {
        patterns.append((member.key, try ModulePattern(member.key)))
      } catch {
        throw CheckpointError(
          file.path, "\"\(key)\" has \"\(member.key)\" with \(error.reason), which is not supported")
      }
    }
    return patterns
  }

  /// Options that make an adapter something else than W + s·B·A with the model's own W.
  private static func refuseVariants(_ file: JSONFile) throws(CheckpointError) {
    let others = [
      "fan_in_fan_out", "lora_bias", "modules_to_save", "layer_replication", "trainable_token_indices",
      "target_parameters", "alora_invocation_tokens", "kasa_config", "monteclora_config", "arrow_config",
    ]
    // use_dora, use_qalora, use_bdlora, and what comes after them.
    let uses = (file.value.members ?? []).map(\.key).filter { $0.hasPrefix("use_") && $0 != "use_rslora" }
    for key in uses + others {
      guard let value = file[key], value != .bool(false), value != .object([]), value != .array([]) else { continue }
      let found = value == .bool(true) ? "is true" : "is not empty"
      throw CheckpointError(file.path, "\"\(key)\" \(found), which is not supported")
    }
    if let bias = try file.string("bias"), bias != "none" {
      throw CheckpointError(file.path, "\"bias\" is \"\(bias)\", expected \"none\"")
    }
    // The others subtract the initial update from the model's weights, or train only one of the matrices.
    if case .string(let method)? = file["init_lora_weights"], !["gaussian", "orthogonal", "eva"].contains(method) {
      throw CheckpointError(
        file.path,
        "\"init_lora_weights\" is \"\(method)\", which is not supported: it may belong to changed weights of the model")
    }
  }

  /// adapter_config.json as PEFT reads it.
  /// - Parameter modules: what is adapted, as `target_modules` names it.
  func json(modules: [String]) -> JSON {
    func number(_ value: Double) -> JSON {
      value == value.rounded() && abs(value) < 1e15 ? .integer(Int(value)) : .double(value)
    }
    return .object([
      "alpha_pattern": .object(alphas.values.map { JSON.Member($0.pattern, number($0.value)) }),
      "base_model_name_or_path": baseModel.isEmpty ? .null : .string(baseModel), "bias": .string("none"),
      "fan_in_fan_out": .bool(false), "inference_mode": .bool(true), "init_lora_weights": .bool(true),
      "lora_alpha": number(alpha), "lora_dropout": .double(dropout), "modules_to_save": .null,
      "peft_type": .string("LORA"), "r": .integer(rank),
      "rank_pattern": .object(ranks.values.map { JSON.Member($0.pattern, .integer($0.value)) }),
      "target_modules": .array(modules.map { .string($0) }), "task_type": .string("CAUSAL_LM"),
      "use_dora": .bool(false), "use_rslora": .bool(isRankStabilized),
    ])
  }
}
