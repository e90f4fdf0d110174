import Foundation

/// The sizes that decide how much a model computes.
struct ModelShape {
  var hidden: Int
  var intermediate: Int
  var heads: Int
  var keyHeads: Int
  var headDimension: Int
  var vocabulary: Int
  /// For each layer how many tokens one attends to at most, itself included; nil for all before it.
  var windows: [Int?]

  var layers: Int { windows.count }
}

extension ModelShape {
  /// Gemma 3 slides in five layers of six, and its files need not say so.
  private static let gemmaPeriod = 6

  /// Reads the shape of a model.
  /// - Parameter path: a .gguf file or a Hugging Face directory.
  init(model path: String) throws {
    var isDirectory: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    if isDirectory.boolValue {
      try self.init(configuration: path + "/config.json")
    } else {
      try self.init(header: GGUFHeader(path: path))
    }
  }

  init(header: GGUFHeader) throws {
    let family = try header.text("general.architecture")
    func integer(_ key: String) throws -> Int { try header.integer("\(family).\(key)") }
    hidden = try integer("embedding_length")
    intermediate = try integer("feed_forward_length")
    heads = try integer("attention.head_count")
    keyHeads = try integer("attention.head_count_kv")
    headDimension =
      header.has("\(family).attention.key_length") ? try integer("attention.key_length") : hidden / max(1, heads)
    vocabulary = try header.arrayLength("tokenizer.ggml.tokens")
    windows = Array(repeating: nil, count: try integer("block_count"))
    if family == "gemma3", header.has("gemma3.attention.sliding_window") {
      slide(try integer("attention.sliding_window")) { ($0 + 1) % Self.gemmaPeriod != 0 }
    }
  }

  private init(configuration path: String) throws {
    struct Configuration: Decodable {
      var model_type: String
      var hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, vocab_size: Int
      var num_key_value_heads, head_dim, sliding_window, sliding_window_pattern: Int?
      var layer_types: [String]?
    }
    let c = try JSONDecoder().decode(Configuration.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    hidden = c.hidden_size
    intermediate = c.intermediate_size
    heads = c.num_attention_heads
    keyHeads = c.num_key_value_heads ?? heads
    headDimension = c.head_dim ?? hidden / max(1, heads)
    vocabulary = c.vocab_size
    windows = Array(repeating: nil, count: c.num_hidden_layers)
    guard let window = c.sliding_window else { return }
    if let types = c.layer_types {
      slide(window) { types.indices.contains($0) && types[$0] == "sliding_attention" }
    } else if c.model_type == "gemma3_text" {
      slide(window) { ($0 + 1) % (c.sliding_window_pattern ?? Self.gemmaPeriod) != 0 }
    } else if c.model_type == "mistral" {
      slide(window) { _ in true }
    }
  }

  private mutating func slide(_ window: Int, where slides: (Int) -> Bool) {
    for layer in windows.indices where slides(layer) { windows[layer] = window }
  }
}
