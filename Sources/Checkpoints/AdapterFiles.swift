import Kernels
import Records
import Tensors

/// The two files that PEFT keeps an adapter in, read and written as PEFT does.
extension Adapter {
  private static let configurationName = "adapter_config.json"
  private static let weightsName = "adapter_model.safetensors"

  /// Reads an adapter directory for a model of the given shape.
  /// - Throws: `CheckpointError` or `TensorError` naming what is missing, does not fit the model, or cannot be honoured.
  public static func read(directory: String, for model: ModelConfiguration) throws -> Adapter {
    let file = try JSONFile(directory: directory, name: configurationName)
    let configuration = try AdapterConfiguration(file)
    let path = directory + "/" + weightsName
    let tensors = try MappedTensors(path: path)
    var layers = [[Projection: LowRankPair]](repeating: [:], count: model.layers)
    var used = 0
    for layer in 0..<model.layers {
      for projection in Projection.allCases {
        let names = ["A", "B"].map { name(layer: layer, projection: projection, letter: $0) }
        let found = names.filter { tensors.entry($0) != nil }
        if found.isEmpty { continue }
        used += 2
        let shape = model.shape(of: projection)
        let a = try matrix(names[0], [configuration.rank, shape.columns], tensors)
        let b = try matrix(names[1], [shape.rows, configuration.rank], tensors)
        layers[layer][projection] = LowRankPair(a: a, b: b, scale: configuration.scale)
      }
    }
    guard used == tensors.names.count else {
      let known = Set(Adapter(configuration: configuration, layers: layers).parameters.map(\.name))
      let stray = tensors.names.first { !known.contains($0) } ?? ""
      throw CheckpointError(path, "the tensor \(stray) fits no projection of the model")
    }
    guard used > 0 else { throw CheckpointError(path, "the adapter holds no tensors") }
    return Adapter(configuration: configuration, layers: layers)
  }

  private static func matrix(_ name: String, _ shape: [Int], _ tensors: MappedTensors) throws -> Matrix {
    let tensor = try tensors.tensor(name)
    guard tensor.shape == shape else {
      throw CheckpointError(tensors.file.path, "the tensor \(name) has shape \(tensor.shape), expected \(shape)")
    }
    let values: [Float]
    do {
      values = try tensor.floats()
    } catch {
      throw CheckpointError(tensors.file.path, "the tensor \(name): \(error.reason)")
    }
    guard values.allSatisfy(\.isFinite) else {
      throw CheckpointError(tensors.file.path, "the tensor \(name) holds a number that is not finite")
    }
    return Matrix(rows: shape[0], columns: shape[1], values)
  }

  /// Writes the two files into an existing directory.
  /// - Throws: `FileError`.
  public func write(directory: String) throws(FileError) {
    var file = TensorFile(metadata: ["format": "pt"])
    for (name, matrix) in parameters {
      file[name] = Tensor(matrix.values, shape: [matrix.rows, matrix.columns])
    }
    try AtomicFile.write(file.encoded(), to: directory + "/" + Self.weightsName)
    try AtomicFile.write(
      Array(configuration.json.indentedText.utf8), to: directory + "/" + Self.configurationName)
  }

  /// Tells adapters apart: over every entry of every matrix.
  public var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("\(configuration.scale)")
    for (name, matrix) in parameters {
      fingerprint.add(name)
      for value in matrix.values { fingerprint.add(Int32(bitPattern: value.bitPattern)) }
    }
    return fingerprint.hexadecimal
  }
}

extension AdapterConfiguration {
  /// Reads what can be honoured and refuses what would change the result.
  init(_ file: JSONFile) throws(CheckpointError) {
    let type = try file.string("peft_type") ?? "none"
    guard type == "LORA" else { throw CheckpointError(file.path, "\"peft_type\" is \"\(type)\", expected \"LORA\"") }
    for key in ["use_dora", "use_rslora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora"]
    where try file.bool(key) == true {
      throw CheckpointError(file.path, "\"\(key)\" is true, which is not supported")
    }
    if let bias = try file.string("bias"), bias != "none" {
      throw CheckpointError(file.path, "\"bias\" is \"\(bias)\", expected \"none\"")
    }
    for key in ["modules_to_save", "rank_pattern", "alpha_pattern", "layer_replication", "trainable_token_indices"] {
      guard let value = file[key] else { continue }
      guard value.members?.isEmpty == true || value.array?.isEmpty == true else {
        throw CheckpointError(file.path, "\"\(key)\" is not empty, which is not supported")
      }
    }
    let rank = try file.requiredInteger("r")
    guard (1...4096).contains(rank) else { throw CheckpointError(file.path, "\"r\" is \(rank), expected 1 to 4096") }
    let alpha = try file.requiredDouble("lora_alpha")
    guard alpha.isFinite else { throw CheckpointError(file.path, "\"lora_alpha\" is \(alpha)") }
    let dropout = try file.double("lora_dropout") ?? 0
    guard dropout >= 0, dropout < 1 else {
      throw CheckpointError(file.path, "\"lora_dropout\" is \(dropout), expected 0 up to but not including 1")
    }
    var targets: [Projection] = []
    switch file["target_modules"] {
    case .array(let names):
      for name in names {
        guard let target = name.string.flatMap({ Projection(rawValue: $0) }) else {
          throw CheckpointError(file.path, "\"target_modules\" names \(name.text), which is no projection of the model")
        }
        targets.append(target)
      }
    case .string("all-linear"): targets = Projection.allCases
    default: throw CheckpointError(file.path, "\"target_modules\" is no list of projections")
    }
    self.init(
      rank: rank, alpha: alpha, dropout: dropout, targets: targets,
      baseModel: try file.string("base_model_name_or_path") ?? "")
  }

  /// adapter_config.json as PEFT reads it.
  var json: JSON {
    .object([
      "base_model_name_or_path": baseModel.isEmpty ? .null : .string(baseModel), "bias": .string("none"),
      "fan_in_fan_out": .bool(false), "inference_mode": .bool(true), "init_lora_weights": .bool(true),
      "lora_alpha": alpha == alpha.rounded() && abs(alpha) < 1e15 ? .integer(Int(alpha)) : .double(alpha),
      "lora_dropout": .double(dropout), "modules_to_save": .null, "peft_type": .string("LORA"), "r": .integer(rank),
      "target_modules": .array(targets.map { .string($0.rawValue) }), "task_type": .string("CAUSAL_LM"),
      "use_dora": .bool(false), "use_rslora": .bool(false),
    ])
  }
}
