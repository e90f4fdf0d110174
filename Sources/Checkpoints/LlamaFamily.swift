import Records

/// Llama 1 to 3.3, SmolLM2 and many others: what the other families are described by.
struct LlamaFamily: FamilyRules {
  let className = "LlamaForCausalLM"
  let ggufArchitecture = "llama"
  let hasInterleavedHeads = true
  let biases: [Set<Projection>] = [[], .attention, .feedForward, Set(Projection.allCases)]

  func configure(_ configuration: inout ModelConfiguration, from file: JSONFile) throws(CheckpointError) {
    if try file.bool("attention_bias") == true { configuration.biases.formUnion(Set.attention) }
    if try file.bool("mlp_bias") == true { configuration.biases.formUnion(Set.feedForward) }
  }

  /// A window makes it a mistral model, whose layers are the same otherwise.
  func configure(_ configuration: inout ModelConfiguration, from file: GGUFMetadata) throws(CheckpointError) {
    guard let window = try file.integer("attention.sliding_window"), window != 0 else { return }
    configuration.family = .mistral
    configuration.slideEverywhere(window)
  }

  func members(of configuration: ModelConfiguration) -> [JSON.Member] {
    [
      JSON.Member("attention_bias", .bool(!configuration.biases.isDisjoint(with: Set.attention))),
      JSON.Member("mlp_bias", .bool(!configuration.biases.isDisjoint(with: Set.feedForward))),
      JSON.Member("pretraining_tp", .integer(1)),
    ]
  }
}
