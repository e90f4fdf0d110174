import Kernels
import Records
import Tensors

/// A model in a Hugging Face directory: config.json and one or many safetensors files.
struct HuggingFaceModel {
  let directory: String
  let configurationFile: JSONFile

  init(directory: String) throws {
    self.directory = directory
    configurationFile = try JSONFile(directory: directory, name: "config.json")
  }

  func checkpoint() throws -> ModelCheckpoint {
    var c = try HuggingFaceConfiguration(file: configurationFile).configuration()
    let rules = c.family.rules
    var weights = try ShardedTensors(directory: directory)
    let embedding = try weights.matrix("model.embed_tokens.weight", rows: c.vocabularySize, columns: c.hiddenSize)
    let head =
      c.tiedHead ? embedding : try weights.matrix("lm_head.weight", rows: c.vocabularySize, columns: c.hiddenSize)
    // Transformers casts the factor to the type of the embeddings.
    c.embeddingFactor = embedding.format.rounded(c.embeddingFactor)
    func norm(_ name: String, count: Int) throws -> [Float] {
      let stored = try weights.vector(name, count: count)
      return rules.normOffset == 0 ? stored : stored.map { $0 + rules.normOffset }
    }
    let layers = try (0..<c.layers).map { layer in
      try LayerWeights(c) { kind in
        try norm(rules.tensorName(layer: layer, norm: kind), count: c.size(of: kind))
      } bias: { projection in
        try weights.vector(projection.tensorName(layer: layer, "bias"), count: c.shape(of: projection).rows)
      } projection: { projection in
        let shape = c.shape(of: projection)
        return try weights.matrix(
          projection.tensorName(layer: layer, "weight"), rows: shape.rows, columns: shape.columns)
      }
    }
    let finalNorm = try norm("model.norm.weight", count: c.hiddenSize)
    try weights.refuseUnread()
    return ModelCheckpoint(
      path: directory, configuration: c, embedding: embedding, head: head, finalNorm: finalNorm, layers: layers,
      fingerprint: try weights.fingerprint())
  }
}

extension FamilyRules {
  /// The name of a norm's weight in Hugging Face models.
  func tensorName(layer: Int, norm: LayerNorm) -> String { "model.layers.\(layer).\(name(of: norm)).weight" }
}

extension Projection {
  /// The name of the weight or the bias in Hugging Face models.
  func tensorName(layer: Int, _ part: String) -> String { "model.layers.\(layer).\(block).\(rawValue).\(part)" }
}

extension WeightFormat {
  /// A number as the type holds it; block formats hold any.
  func rounded(_ value: Float) -> Float {
    switch self {
    case .f16: Float(Float16(value))
    case .bf16: Float(bitPattern: UInt32(Narrowing.brain(value)) << 16)
    default: value
    }
  }
}

/// The tensors of model.safetensors, or of the shards that model.safetensors.index.json lists.
struct ShardedTensors {
  private let directory: String
  private var shards: [String: MappedTensors] = [:]
  /// Which shard holds a tensor.
  private var places: [String: String] = [:]
  private var read: Set<String> = []

  init(directory: String) throws {
    self.directory = directory
    if let index = try JSONFile(ifPresentIn: directory, name: "model.safetensors.index.json") {
      guard let map = try index.object("weight_map")?.value.members else {
        throw CheckpointError(index.path, "\"weight_map\" is missing")
      }
      for member in map {
        guard let shard = member.value.string, !shard.utf8.contains(where: { $0 == 0x2F || $0 == 0 }),
          !["", ".", ".."].contains(shard)
        else {
          throw CheckpointError(
            index.path, "the shard of \(member.key) is \(member.value.text), expected a plain file name")
        }
        if shards[shard] == nil { shards[shard] = try MappedTensors(path: directory + "/" + shard) }
        places[member.key] = shard
      }
    } else {
      let tensors = try MappedTensors(path: directory + "/model.safetensors")
      for name in tensors.names { places[name] = "model.safetensors" }
      shards["model.safetensors"] = tensors
    }
  }

  private mutating func located(
    _ name: String, shape: [Int]
  ) throws -> (MappedTensors, WeightFormat, UnsafeRawBufferPointer) {
    guard let shard = places[name], let tensors = shards[shard] else {
      throw CheckpointError(directory, "the tensor \(name) is missing")
    }
    read.insert(name)
    guard let entry = tensors.entry(name) else {
      throw CheckpointError(directory + "/" + shard, "the tensor \(name) is missing, though the index places it here")
    }
    guard entry.shape == shape else {
      throw CheckpointError(directory + "/" + shard, "the tensor \(name) has shape \(entry.shape), expected \(shape)")
    }
    switch entry.elementType {
    case .float32: return (tensors, .f32, entry.bytes)
    case .float16: return (tensors, .f16, entry.bytes)
    case .bfloat16: return (tensors, .bf16, entry.bytes)
    default:
      throw CheckpointError(
        directory + "/" + shard, "the tensor \(name) has type \(entry.elementType.rawValue), expected F32, F16 or BF16")
    }
  }

  mutating func matrix(_ name: String, rows: Int, columns: Int) throws -> WeightMatrix {
    let (owner, format, bytes) = try located(name, shape: [rows, columns])
    guard let base = bytes.baseAddress else { throw CheckpointError(directory, "the tensor \(name) is empty") }
    return WeightMatrix(format: format, rows: rows, columns: columns, bytes: base, owner: owner.file)
  }

  mutating func vector(_ name: String, count: Int) throws -> [Float] {
    let (owner, format, bytes) = try located(name, shape: [count])
    guard let base = bytes.baseAddress else { throw CheckpointError(directory, "the tensor \(name) is empty") }
    let matrix = WeightMatrix(format: format, rows: 1, columns: count, bytes: base, owner: owner.file)
    return [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      if let start = buffer.baseAddress { matrix.widen(row: 0, into: start) }
      filled = count
    }
  }

  /// Refuses a model with tensors that were not read: it would compute something else with them.
  func refuseUnread() throws(CheckpointError) {
    // A tied head may be there all the same, and old files hold the rotary frequencies that config.json gives.
    let stray = places.keys.filter {
      !read.contains($0) && $0 != "lm_head.weight" && !$0.hasSuffix(".rotary_emb.inv_freq")
    }
    guard let first = stray.min() else { return }
    throw CheckpointError(directory, "the tensor \(first) is there, which this architecture is not read with")
  }

  func fingerprint() throws -> String {
    var fingerprint = Fingerprint()
    for name in places.keys.sorted() {
      guard let shard = places[name], let entry = shards[shard]?.entry(name) else { continue }
      fingerprint.add("\(name) \(entry.elementType.rawValue) \(entry.shape)")
      fingerprint.add(UnsafeRawBufferPointer(rebasing: entry.bytes.prefix(ModelSample.bytesPerTensor)))
    }
    return fingerprint.hexadecimal
  }
}
