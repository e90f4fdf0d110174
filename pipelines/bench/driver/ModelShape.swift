import Foundation

/// The sizes that decide how much a model computes.
struct ModelShape {
  var hidden: Int
  var intermediate: Int
  var layers: Int
  var heads: Int
  var keyHeads: Int
  var headDimension: Int
  var vocabulary: Int
}

extension ModelShape {
  /// Reads the shape of a model.
  /// - Parameter path: a .gguf file of the llama family or a Hugging Face directory.
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
    hidden = try header.integer("llama.embedding_length")
    intermediate = try header.integer("llama.feed_forward_length")
    layers = try header.integer("llama.block_count")
    heads = try header.integer("llama.attention.head_count")
    keyHeads = try header.integer("llama.attention.head_count_kv")
    headDimension = hidden / max(1, heads)
    vocabulary = try header.arrayLength("tokenizer.ggml.tokens")
  }

  private init(configuration path: String) throws {
    struct Configuration: Decodable {
      var hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, vocab_size: Int
      var num_key_value_heads, head_dim: Int?
    }
    let c = try JSONDecoder().decode(Configuration.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    hidden = c.hidden_size
    intermediate = c.intermediate_size
    layers = c.num_hidden_layers
    heads = c.num_attention_heads
    keyHeads = c.num_key_value_heads ?? heads
    headDimension = c.head_dim ?? hidden / max(1, heads)
    vocabulary = c.vocab_size
  }
}
