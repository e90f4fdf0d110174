import Kernels
import Records
import Tensors

/// A model of the Llama architecture in a Hugging Face directory: config.json and one or many safetensors files.
struct HuggingFaceModel {
  let directory: String
  let configurationFile: JSONFile

  init(directory: String) throws {
    self.directory = directory
    configurationFile = try JSONFile(directory: directory, name: "config.json")
  }

  func checkpoint() throws -> ModelCheckpoint {
    let c = try configuration()
    let weights = try ShardedTensors(directory: directory)
    let embedding = try weights.matrix("model.embed_tokens.weight", rows: c.vocabularySize, columns: c.hiddenSize)
    let head =
      c.tiedHead ? embedding : try weights.matrix("lm_head.weight", rows: c.vocabularySize, columns: c.hiddenSize)
    let layers = try (0..<c.layers).map { layer in
      let prefix = "model.layers.\(layer)"
      return try LayerWeights(
        attentionNorm: weights.vector("\(prefix).input_layernorm.weight", count: c.hiddenSize),
        feedForwardNorm: weights.vector("\(prefix).post_attention_layernorm.weight", count: c.hiddenSize)
      ) { projection in
        let shape = c.shape(of: projection)
        return try weights.matrix(
          "\(prefix).\(projection.block).\(projection.rawValue).weight", rows: shape.rows, columns: shape.columns)
      }
    }
    return ModelCheckpoint(
      path: directory, configuration: c, embedding: embedding, head: head,
      finalNorm: try weights.vector("model.norm.weight", count: c.hiddenSize), layers: layers,
      fingerprint: try weights.fingerprint())
  }

  private func configuration() throws -> ModelConfiguration {
    let file = configurationFile
    let type = try file.string("model_type") ?? "none"
    guard type == "llama" else { throw CheckpointError(file.path, "\"model_type\" is \"\(type)\", expected \"llama\"") }
    for key in ["attention_bias", "mlp_bias"] where try file.bool(key) == true {
      throw CheckpointError(file.path, "\"\(key)\" is true, expected false")
    }
    if let activation = try file.string("hidden_act"), activation != "silu" {
      throw CheckpointError(file.path, "\"hidden_act\" is \"\(activation)\", expected \"silu\"")
    }
    if file["quantization_config"] != nil {
      throw CheckpointError(file.path, "a \"quantization_config\" is there, expected plain F32, F16 or BF16 weights")
    }
    let heads = try file.requiredInteger("num_attention_heads")
    let hidden = try file.requiredInteger("hidden_size")
    guard heads > 0 else { throw CheckpointError(file.path, "\"num_attention_heads\" is \(heads)") }
    let rotary = try rotaryParameters(file)
    let configuration = ModelConfiguration(
      hiddenSize: hidden, intermediateSize: try file.requiredInteger("intermediate_size"),
      layers: try file.requiredInteger("num_hidden_layers"), heads: heads,
      keyHeads: try file.integer("num_key_value_heads") ?? heads,
      headDimension: try file.integer("head_dim") ?? hidden / heads,
      vocabularySize: try file.requiredInteger("vocab_size"),
      contextLength: try file.integer("max_position_embeddings") ?? 2048,
      normEpsilon: Float(try file.double("rms_norm_eps") ?? 1e-6), rotaryBase: rotary.base,
      rotaryScaling: rotary.scaling,
      tiedHead: try file.bool("tie_word_embeddings") ?? false)
    try configuration.validate(source: file.path)
    return configuration
  }

  /// Both spellings: `rope_theta` and `rope_scaling` at the top level, or `rope_parameters` with all of it.
  private func rotaryParameters(_ file: JSONFile) throws -> (base: Double, scaling: RotaryScaling) {
    let nested = try file.object("rope_parameters")
    let base = try nested?.double("rope_theta") ?? file.double("rope_theta") ?? 10000
    guard let parameters = try nested ?? file.object("rope_scaling") else { return (base, .none) }
    let type = try parameters.string("rope_type") ?? parameters.string("type") ?? "default"
    switch type {
    case "default": return (base, .none)
    case "llama3":
      let low = try parameters.requiredDouble("low_freq_factor")
      let high = try parameters.requiredDouble("high_freq_factor")
      let factor = try parameters.requiredDouble("factor")
      let original = try parameters.requiredDouble("original_max_position_embeddings")
      guard factor > 0, low > 0, high > low, original > 0 else {
        throw CheckpointError(file.path, "the numbers of the \"llama3\" rotary scaling contradict each other")
      }
      return (
        base,
        .llama3(factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext: original)
      )
    default:
      throw CheckpointError(file.path, "rotary scaling of type \"\(type)\", expected \"default\" or \"llama3\"")
    }
  }
}

/// The tensors of model.safetensors, or of the shards that model.safetensors.index.json lists.
struct ShardedTensors {
  private let directory: String
  private var shards: [String: MappedTensors] = [:]
  /// Which shard holds a tensor.
  private var places: [String: String] = [:]

  init(directory: String) throws {
    self.directory = directory
    if let index = try JSONFile(ifPresentIn: directory, name: "model.safetensors.index.json") {
      guard let map = try index.object("weight_map")?.value.members else {
        throw CheckpointError(index.path, "\"weight_map\" is missing")
      }
      for member in map {
        guard let shard = member.value.string, !shard.contains("/"), !shard.isEmpty else {
          throw CheckpointError(index.path, "the shard of \(member.key) is no plain file name")
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

  private func located(_ name: String, shape: [Int]) throws -> (MappedTensors, WeightFormat, UnsafeRawBufferPointer) {
    guard let shard = places[name], let tensors = shards[shard] else {
      throw CheckpointError(directory, "the tensor \(name) is missing")
    }
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

  func matrix(_ name: String, rows: Int, columns: Int) throws -> WeightMatrix {
    let (owner, format, bytes) = try located(name, shape: [rows, columns])
    guard let base = bytes.baseAddress else { throw CheckpointError(directory, "the tensor \(name) is empty") }
    return WeightMatrix(format: format, rows: rows, columns: columns, bytes: base, owner: owner.file)
  }

  func vector(_ name: String, count: Int) throws -> [Float] {
    let (owner, format, bytes) = try located(name, shape: [count])
    guard let base = bytes.baseAddress else { throw CheckpointError(directory, "the tensor \(name) is empty") }
    let matrix = WeightMatrix(format: format, rows: 1, columns: count, bytes: base, owner: owner.file)
    return [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      if let start = buffer.baseAddress { matrix.widen(row: 0, into: start) }
      filled = count
    }
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
