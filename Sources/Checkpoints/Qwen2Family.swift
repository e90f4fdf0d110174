import Records

/// Qwen2 and Qwen2.5: llama with biases in the query, key and value projections, and sliding windows in some layers if
/// `use_sliding_window` says so.
struct Qwen2Family: FamilyRules {
  let className = "Qwen2ForCausalLM"
  let ggufArchitecture = "qwen2"
  let biases: [Set<Projection>] = [[.query, .key, .value]]
  let defaults = ConfigurationDefaults(keyHeads: 32)

  func configure(_ configuration: inout ModelConfiguration, from file: JSONFile) throws(CheckpointError) {
    configuration.biases = [.query, .key, .value]
    configuration.sliding = try QwenWindow.sliding(configuration, file)
  }

  func configure(_ configuration: inout ModelConfiguration, from file: GGUFMetadata) throws(CheckpointError) {
    try QwenWindow.refuse(file)
  }

  func members(of configuration: ModelConfiguration) -> [JSON.Member] { QwenWindow.members(of: configuration) }
}

/// The sliding windows that both families may have.
enum QwenWindow {
  /// The window holds from layer `max_window_layers` on, or in the layers that `layer_types` names.
  static func sliding(
    _ configuration: ModelConfiguration, _ file: JSONFile
  ) throws(CheckpointError) -> SlidingAttention? {
    let isUsed = try file.bool("use_sliding_window") ?? false
    let window = try isUsed ? file.slidingWindow() : nil
    let named = try file.slidingLayers(count: configuration.layers)
    guard let window else {
      guard named?.contains(true) != true else {
        throw CheckpointError(file.path, "\"layer_types\" names sliding layers, but no sliding window is used")
      }
      return nil
    }
    let first = try file.integer("max_window_layers") ?? 28
    let layers = named ?? (0..<configuration.layers).map { $0 >= first }
    return layers.contains(true) ? SlidingAttention(window: window, layers: layers) : nil
  }

  /// GGUF files do not say which layers slide.
  static func refuse(_ file: GGUFMetadata) throws(CheckpointError) {
    guard let window = try file.integer("attention.sliding_window"), window != 0 else { return }
    throw CheckpointError(
      file.path, "\(file.key("attention.sliding_window")) is \(window), and nothing says which layers slide")
  }

  static func members(of configuration: ModelConfiguration) -> [JSON.Member] {
    guard let sliding = configuration.sliding else {
      return [JSON.Member("sliding_window", .null), JSON.Member("use_sliding_window", .bool(false))]
    }
    return [
      JSON.Member("sliding_window", .integer(sliding.window)), JSON.Member("use_sliding_window", .bool(true)),
      JSON.Member("max_window_layers", .integer(sliding.layers.firstIndex(of: true) ?? configuration.layers)),
      JSON.Member("layer_types", configuration.layerTypes),
    ]
  }
}
