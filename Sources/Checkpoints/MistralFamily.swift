import Records

/// Mistral 7B and its kin: llama, perhaps with a sliding window in every layer.
struct MistralFamily: FamilyRules {
  let className = "MistralForCausalLM"
  /// GGUF files call them llama.
  let ggufArchitecture = "llama"
  let hasInterleavedHeads = true
  let biases: [Set<Projection>] = [[]]
  let defaults = ConfigurationDefaults(keyHeads: 8)

  func configure(_ configuration: inout ModelConfiguration, from file: JSONFile) throws(CheckpointError) {
    guard try file.slidingLayers(count: configuration.layers) == nil else {
      throw CheckpointError(file.path, "\"layer_types\" is there, which the layers of a mistral model do not differ by")
    }
    if let window = try file.slidingWindow() { configuration.slideEverywhere(window) }
  }

  func configure(_ configuration: inout ModelConfiguration, from file: GGUFMetadata) throws(CheckpointError) {
    try LlamaFamily().configure(&configuration, from: file)
  }

  func members(of configuration: ModelConfiguration) -> [JSON.Member] {
    [JSON.Member("sliding_window", configuration.sliding.map { .integer($0.window) } ?? .null)]
  }
}

extension ModelConfiguration {
  /// A sliding window in every layer.
  mutating func slideEverywhere(_ window: Int) {
    sliding = SlidingAttention(window: window, layers: [Bool](repeating: true, count: max(0, layers)))
  }
}
