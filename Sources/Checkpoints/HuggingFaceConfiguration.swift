import Kernels
import Records

/// config.json, read by the rules of the model's family.
struct HuggingFaceConfiguration {
  let file: JSONFile

  func configuration() throws(CheckpointError) -> ModelConfiguration {
    let type = try file.string("model_type") ?? "none"
    guard let family = ModelFamily(rawValue: type) else {
      let hint = file["vision_config"] == nil ? "" : "; models with a vision part are not read"
      throw CheckpointError(
        file.path, "\"model_type\" is \"\(type)\", expected one of \(ModelFamily.names)\(hint)")
    }
    try refuseOptions()
    let rules = family.rules
    let defaults = rules.defaults
    let heads = try file.requiredInteger("num_attention_heads")
    let hidden = try file.requiredInteger("hidden_size")
    guard heads > 0 else { throw CheckpointError(file.path, "\"num_attention_heads\" is \(heads)") }
    var configuration = ModelConfiguration(
      family: family, hiddenSize: hidden, intermediateSize: try file.requiredInteger("intermediate_size"),
      layers: try file.requiredInteger("num_hidden_layers"), heads: heads,
      keyHeads: try file.integer("num_key_value_heads") ?? keyHeads(defaults, heads),
      headDimension: try file.integer("head_dim") ?? defaults.headDimension ?? hidden / heads,
      vocabularySize: try file.requiredInteger("vocab_size"),
      contextLength: try file.integer("max_position_embeddings") ?? 2048,
      normEpsilon: Float(try file.double("rms_norm_eps") ?? 1e-6), rotaryBase: 10000, rotaryScaling: .none,
      tiedHead: try file.bool("tie_word_embeddings") ?? defaults.tiedHead)
    configuration.activation = try activation(defaults)
    // Sizes first: the family's rules go by the number of layers.
    try configuration.validate(source: file.path)
    if family != .gemma3 { try readRotary(into: &configuration) }
    try rules.configure(&configuration, from: file)
    try configuration.validate(source: file.path)
    return configuration
  }

  /// Null means as many as query heads, whatever the family; without the key the family decides.
  private func keyHeads(_ defaults: ConfigurationDefaults, _ heads: Int) -> Int {
    file.value["num_key_value_heads"] == nil ? defaults.keyHeads ?? heads : heads
  }

  private func activation(_ defaults: ConfigurationDefaults) throws(CheckpointError) -> GateActivation {
    let name = try file.string(defaults.activationKey) ?? defaults.activation
    switch name {
    case "silu", "swish": return .silu
    case "gelu_pytorch_tanh": return .geluTanh
    default:
      throw CheckpointError(
        file.path, "\"\(defaults.activationKey)\" is \"\(name)\", expected \"silu\" or \"gelu_pytorch_tanh\"")
    }
  }

  /// Refuses what would change the result in any family.
  private func refuseOptions() throws(CheckpointError) {
    if file["quantization_config"] != nil {
      throw CheckpointError(file.path, "a \"quantization_config\" is there, expected plain F32, F16 or BF16 weights")
    }
    for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
      guard let value = file[key] else { continue }
      throw CheckpointError(file.path, "\"\(key)\" is \(value.text), expected null")
    }
    if try file.bool("is_causal") == false { throw CheckpointError(file.path, "\"is_causal\" is false, expected true") }
    try file.refusePartialRotary()
  }

  /// Both spellings: `rope_theta` and `rope_scaling` at the top level, or `rope_parameters` with all of it.
  private func readRotary(into configuration: inout ModelConfiguration) throws(CheckpointError) {
    configuration.rotaryBase = try file.double("rope_theta") ?? configuration.rotaryBase
    guard let nested = try file.object("rope_parameters") else {
      configuration.rotaryScaling = try file.object("rope_scaling")?.rotaryScaling() ?? RotaryScaling.none
      return
    }
    for kind in [JSONFile.fullAttention, JSONFile.slidingAttention] where nested[kind] != nil {
      throw CheckpointError(file.path, "\"rope_parameters\" differs by kind of layer, expected one for all")
    }
    configuration.rotaryBase = try nested.double("rope_theta") ?? configuration.rotaryBase
    configuration.rotaryScaling = try nested.rotaryScaling()
  }
}

extension JSONFile {
  /// The kinds of layers in `layer_types` and `rope_parameters`.
  static let fullAttention = "full_attention"
  /// The other kind.
  static let slidingAttention = "sliding_attention"

  /// `sliding_window`. Without the key there is a window all the same; null says that there is none.
  func slidingWindow() throws(CheckpointError) -> Int? {
    try value["sliding_window"] == nil ? 4096 : integer("sliding_window")
  }

  /// `layer_types`: for each layer whether it slides; nil if nothing is said.
  func slidingLayers(count: Int) throws(CheckpointError) -> [Bool]? {
    guard let member = self["layer_types"] else { return nil }
    guard let types = member.array, types.count == count else {
      throw CheckpointError(path, "\"layer_types\" has no \(count) elements, one for each layer")
    }
    var layers: [Bool] = []
    for type in types {
      switch type.string {
      case Self.fullAttention: layers.append(false)
      case Self.slidingAttention: layers.append(true)
      default:
        throw CheckpointError(
          path, "\"layer_types\" names \(type.text), expected \"full_attention\" or \"sliding_attention\"")
      }
    }
    return layers
  }

  /// Refuses a rotary embedding of a part of each head.
  func refusePartialRotary() throws(CheckpointError) {
    guard let share = try double("partial_rotary_factor"), share != 1 else { return }
    throw CheckpointError(path, "\"partial_rotary_factor\" is \(share), expected 1")
  }

  /// The scaling in an object of rotary parameters.
  func rotaryScaling() throws(CheckpointError) -> RotaryScaling {
    try refusePartialRotary()
    var type = try string("rope_type")
    if type == nil { type = try string("type") }
    switch type ?? "default" {
    case "default": return .none
    case "linear":
      let factor = try requiredDouble("factor")
      guard factor > 0, factor.isFinite else { throw CheckpointError(path, "the rotary scaling's factor is \(factor)") }
      return .linear(factor: factor)
    case "llama3":
      let low = try requiredDouble("low_freq_factor")
      let high = try requiredDouble("high_freq_factor")
      let factor = try requiredDouble("factor")
      let original = try requiredDouble("original_max_position_embeddings")
      guard factor > 0, low > 0, high > low, original > 0 else {
        throw CheckpointError(path, "the numbers of the \"llama3\" rotary scaling contradict each other")
      }
      return .llama3(factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext: original)
    case let type:
      throw CheckpointError(
        path, "rotary scaling of type \"\(type)\", expected \"default\", \"linear\" or \"llama3\"")
    }
  }
}
