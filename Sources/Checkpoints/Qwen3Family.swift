import Records

/// Qwen3: llama with a norm of each head of queries and keys.
struct Qwen3Family: FamilyRules {
  let className = "Qwen3ForCausalLM"
  let ggufArchitecture = "qwen3"
  let defaults = ConfigurationDefaults(keyHeads: 32, headDimension: 128)

  func configure(_ configuration: inout ModelConfiguration, from file: JSONFile) throws(CheckpointError) {
    configuration.hasHeadNorms = true
    if try file.bool("attention_bias") == true { configuration.biases = .attention }
    configuration.sliding = try QwenWindow.sliding(configuration, file)
  }

  func configure(_ configuration: inout ModelConfiguration, from file: GGUFMetadata) throws(CheckpointError) {
    configuration.hasHeadNorms = true
    try QwenWindow.refuse(file)
  }

  func members(of configuration: ModelConfiguration) -> [JSON.Member] {
    [JSON.Member("attention_bias", .bool(!configuration.biases.isEmpty))] + QwenWindow.members(of: configuration)
  }
}
