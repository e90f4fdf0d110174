import Kernels
import Records

extension ModelConfiguration {
  /// config.json of the family's class in transformers. The rotary embedding is spelt twice: transformers reads
  /// `rope_theta` and `rope_scaling` up to version 4, `rope_parameters` from 5 on.
  /// - Throws: `CheckpointError` if the rotary scaling cannot be stated.
  func huggingFace(_ special: SpecialTokens, type: WeightType, source: String) throws(CheckpointError) -> JSON {
    let rules = family.rules
    let scaling = try parametricRotaryScaling(source: source).members
    let activation = activation == .silu ? "silu" : "gelu_pytorch_tanh"
    let shape = JSON.object([
      "architectures": .array([.string(rules.className)]), "model_type": .string(family.rawValue),
      "attention_dropout": .double(0), "head_dim": .integer(headDimension),
      "hidden_size": .integer(hiddenSize), "initializer_range": .double(0.02),
      "intermediate_size": .integer(intermediateSize), "max_position_embeddings": .integer(contextLength),
      "num_attention_heads": .integer(heads), "num_hidden_layers": .integer(layers),
      "num_key_value_heads": .integer(keyHeads), "rms_norm_eps": .float(normEpsilon),
      "rope_theta": .double(rotaryBase), "rope_scaling": scaling.isEmpty ? .null : .object(scaling),
      "rope_parameters": rotaryParameters(scaling), "tie_word_embeddings": .bool(tiedHead),
      "torch_dtype": .string(type.configurationName), "use_cache": .bool(true), "vocab_size": .integer(vocabularySize),
    ])
    return .object(
      (shape.members ?? []) + [JSON.Member(rules.defaults.activationKey, .string(activation))]
        + rules.members(of: self) + special.ids)
  }

  /// `rope_parameters`: for all layers, or for each kind if they differ.
  private func rotaryParameters(_ scaling: [JSON.Member]) -> JSON {
    func parameters(_ scaling: [JSON.Member], base: Double) -> JSON {
      let kind = scaling.isEmpty ? [JSON.Member("rope_type", .string("default"))] : scaling
      return .object(kind + [JSON.Member("rope_theta", .double(base))])
    }
    let full = parameters(scaling, base: rotaryBase)
    guard family == .gemma3 else { return full }
    return .object([
      JSONFile.fullAttention: full,
      JSONFile.slidingAttention: parameters([], base: sliding?.rotaryBase ?? rotaryBase),
    ])
  }

  /// `layer_types`.
  var layerTypes: JSON {
    .array(
      (0..<layers).map { layer in
        .string(window(layer: layer) == nil ? JSONFile.fullAttention : JSONFile.slidingAttention)
      })
  }
}

extension RotaryScaling {
  /// The members of `rope_scaling`; none if there is nothing to say.
  fileprivate var members: [JSON.Member] {
    switch self {
    case .none, .divisors: []
    case .linear(let factor):
      [JSON.Member("rope_type", .string("linear")), JSON.Member("factor", .double(factor))]
    case .llama3(let factor, let low, let high, let original):
      [
        JSON.Member("rope_type", .string("llama3")), JSON.Member("factor", .double(factor)),
        JSON.Member("low_freq_factor", .double(low)), JSON.Member("high_freq_factor", .double(high)),
        JSON.Member("original_max_position_embeddings", Int(exactly: original).map(JSON.integer) ?? .double(original)),
      ]
    }
  }
}
