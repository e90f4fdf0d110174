import Records

/// The families of models that are read, by their names in config.json.
public enum ModelFamily: String, Sendable, CaseIterable {
  case llama
  case mistral
  case qwen2
  case qwen3
  case gemma3 = "gemma3_text"

  /// What tells the family from the others.
  var rules: any FamilyRules {
    switch self {
    case .llama: LlamaFamily()
    case .mistral: MistralFamily()
    case .qwen2: Qwen2Family()
    case .qwen3: Qwen3Family()
    case .gemma3: Gemma3Family()
    }
  }

  /// All names, as messages give them.
  static var names: String { allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ") }

  /// The family of a GGUF file; the mistral models call themselves llama there.
  init?(ggufArchitecture name: String) {
    guard let family = Self.allCases.first(where: { $0.rules.ggufArchitecture == name }) else { return nil }
    self = family
  }
}

/// What tells one family of models from the others, in both file formats. Where a family says nothing, it is as llama.
protocol FamilyRules: Sendable {
  /// The class of transformers that runs the family.
  var className: String { get }
  /// `general.architecture` in GGUF files; metadata keys begin with it.
  var ggufArchitecture: String { get }
  /// Whether GGUF files have the rows of each query and key head interleaved.
  var hasInterleavedHeads: Bool { get }
  /// The name of a norm in a layer of a Hugging Face model.
  func name(of norm: LayerNorm) -> String
  /// What Hugging Face models leave out of their norms' weights.
  var normOffset: Float { get }
  /// Which sets of biases a model may have.
  var biases: [Set<Projection>] { get }
  /// What config.json means where it says nothing.
  var defaults: ConfigurationDefaults { get }

  /// Adds what the family has beyond llama, and refuses what it cannot have.
  /// - Throws: `CheckpointError` naming the option.
  func configure(_ configuration: inout ModelConfiguration, from file: JSONFile) throws(CheckpointError)
  /// The same from a GGUF file's metadata.
  func configure(_ configuration: inout ModelConfiguration, from file: GGUFMetadata) throws(CheckpointError)
  /// The members of config.json that are the family's own.
  func members(of configuration: ModelConfiguration) -> [JSON.Member]
}

/// What a family's config.json means where it says nothing, as transformers has it.
struct ConfigurationDefaults {
  /// Nil: as many as query heads.
  var keyHeads: Int?
  /// Nil: hidden size / heads.
  var headDimension: Int?
  var tiedHead = false
  /// The key that names the activation.
  var activationKey = "hidden_act"
  var activation = "silu"
}

extension Set<Projection> {
  static var attention: Self { [.query, .key, .value, .output] }
  static var feedForward: Self { [.gate, .up, .down] }
}

extension FamilyRules {
  var hasInterleavedHeads: Bool { false }
  var normOffset: Float { 0 }
  var biases: [Set<Projection>] { [[], .attention] }
  var defaults: ConfigurationDefaults { ConfigurationDefaults() }

  func name(of norm: LayerNorm) -> String {
    switch norm {
    case .attention: "input_layernorm"
    case .query: "self_attn.q_norm"
    case .key: "self_attn.k_norm"
    case .attentionOutput: "post_attention_layernorm"
    case .feedForward: "post_attention_layernorm"
    case .feedForwardOutput: "post_feedforward_layernorm"
    }
  }
}
