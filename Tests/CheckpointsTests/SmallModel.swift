import Checkpoints
import Tensors
import TemporaryFolders

/// A model of two layers whose every number all plain types hold exactly, to be written in either format.
struct SmallModel {
  static let hidden = 32
  static let heads = 2
  static let headDimension = 16
  static let feedForward = 64
  static let layers = 2

  /// Hugging Face names, shapes and values.
  var tensors: [(name: String, shape: [Int], values: [Float])] = []
  var tiedHead = true
  var splitRule = "smollm"
  var rotaryBase: Float = 10000

  init(tiedHead: Bool = true) {
    self.tiedHead = tiedHead
    var state: UInt64 = 7
    /// Multiples of 1/64 from −2 to 2: eight bits of significand.
    func values(_ count: Int) -> [Float] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (Float(state >> 56) - 128) / 64
      }
    }
    func add(_ name: String, _ shape: Int...) { tensors.append((name, shape, values(shape.reduce(1, *)))) }
    add("model.embed_tokens.weight", Self.tokens.count, Self.hidden)
    for layer in 0..<Self.layers {
      let prefix = "model.layers.\(layer)."
      add(prefix + "input_layernorm.weight", Self.hidden)
      add(prefix + "self_attn.q_proj.weight", 32, Self.hidden)
      add(prefix + "self_attn.k_proj.weight", 16, Self.hidden)
      add(prefix + "self_attn.v_proj.weight", 16, Self.hidden)
      add(prefix + "self_attn.o_proj.weight", Self.hidden, 32)
      add(prefix + "mlp.gate_proj.weight", Self.feedForward, Self.hidden)
      add(prefix + "mlp.up_proj.weight", Self.feedForward, Self.hidden)
      add(prefix + "mlp.down_proj.weight", Self.hidden, Self.feedForward)
      add(prefix + "post_attention_layernorm.weight", Self.hidden)
    }
    add("model.norm.weight", Self.hidden)
    if !tiedHead { add("lm_head.weight", Self.tokens.count, Self.hidden) }
  }

  func values(_ name: String) -> [Float] { tensors.first { $0.name == name }?.values ?? [] }

  // MARK: Vocabulary

  static let merges = ["h e", "l l", "he ll", "hell o", "Ġ w", "o r", "Ġw or", "l d", "Ġwor ld", "1 2", "Ċ Ċ"]

  /// Control tokens, bytes as GPT-2 spells them, merged pieces, and one token that a user added.
  static let tokens: [String] = {
    let visible = [0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF].flatMap { Array($0) }
    let others = (0...0xFF).filter { !visible.contains($0) }
    let bytes = (0...0xFF).map { byte in
      String(Character(Unicode.Scalar(UInt32(others.firstIndex(of: byte).map { 0x100 + $0 } ?? byte)) ?? " "))
    }
    return ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + bytes + merges.map { $0.filter { $0 != " " } } + [
      "<think>"
    ]
  }()

  static let template =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    + "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

  // MARK: GGUF

  private static let ggufNames = [
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
  ]

  static func ggufName(_ name: String) -> String {
    switch name {
    case "model.embed_tokens.weight": return "token_embd.weight"
    case "model.norm.weight": return "output_norm.weight"
    case "lm_head.weight": return "output.weight"
    default:
      let parts = name.split(separator: ".").map(String.init)
      return "blk.\(parts[2]).\(ggufNames[parts[3..<parts.count - 1].joined(separator: ".")] ?? "").weight"
    }
  }

  /// Rows in the order of llama.cpp's converter: reshape(heads, 2, d/2, …), swap the middle axes, flatten.
  static func interleaved(_ rows: [[Float]]) -> [[Float]] {
    var result: [[Float]] = []
    let half = headDimension / 2
    for head in 0..<rows.count / headDimension {
      for place in 0..<half {
        for part in 0..<2 { result.append(rows[head * headDimension + part * half + place]) }
      }
    }
    return result
  }

  static func bytes(_ values: [Float], _ type: UInt32) -> [UInt8] {
    switch type {
    case 1: values.flatMap { GGUFWriter.little(Float16($0).bitPattern) }
    case 30: values.flatMap { GGUFWriter.little(UInt16($0.bitPattern >> 16)) }
    default: values.flatMap { GGUFWriter.little($0.bitPattern) }
    }
  }

  /// The model as a GGUF file; `type` is ggml's number of a plain type, for matrices.
  func gguf(type: UInt32 = 0, vocabulary: Bool = true) -> GGUFWriter {
    var file = GGUFWriter()
    file.metadata = [
      ("general.architecture", .string("llama")), ("llama.block_count", .unsigned(UInt32(Self.layers))),
      ("llama.context_length", .unsigned(512)), ("llama.embedding_length", .unsigned(UInt32(Self.hidden))),
      ("llama.feed_forward_length", .unsigned(UInt32(Self.feedForward))),
      ("llama.attention.head_count", .unsigned(UInt32(Self.heads))), ("llama.attention.head_count_kv", .unsigned(1)),
      ("llama.attention.layer_norm_rms_epsilon", .float(1e-5)), ("llama.rope.freq_base", .float(rotaryBase)),
      ("llama.rope.dimension_count", .unsigned(UInt32(Self.headDimension))),
    ]
    if vocabulary {
      let kinds = Self.tokens.indices.map { Int32($0 < 3 ? 3 : $0 == Self.tokens.count - 1 ? 4 : 1) }
      file.metadata += [
        ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string(splitRule)),
        ("tokenizer.ggml.tokens", .strings(Self.tokens)), ("tokenizer.ggml.token_type", .integers(kinds)),
        ("tokenizer.ggml.merges", .strings(Self.merges)), ("tokenizer.ggml.bos_token_id", .unsigned(1)),
        ("tokenizer.ggml.eos_token_id", .unsigned(2)), ("tokenizer.ggml.padding_token_id", .unsigned(0)),
        ("tokenizer.chat_template", .string(Self.template)),
      ]
    }
    for tensor in tensors {
      var values = tensor.values
      if tensor.name.contains("q_proj") || tensor.name.contains("k_proj") {
        let rows = (0..<tensor.shape[0]).map { Array(values[$0 * Self.hidden..<($0 + 1) * Self.hidden]) }
        values = Self.interleaved(rows).flatMap { $0 }
      }
      let stored = tensor.shape.count == 1 ? 0 : type
      file.tensors.append(
        GGUFWriter.Tensor(
          name: Self.ggufName(tensor.name), dimensions: tensor.shape.reversed().map(UInt64.init), type: stored,
          bytes: Self.bytes(values, stored)))
    }
    return file
  }

  // MARK: Hugging Face

  static let types: [String: (element: ElementType, gguf: UInt32)] = [
    "float32": (.float32, 0), "float16": (.float16, 1), "bfloat16": (.bfloat16, 30),
  ]

  func configuration(_ type: String = "float32", key: String = "dtype") -> String {
    """
    {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": \(Self.hidden), \
    "intermediate_size": \(Self.feedForward), "num_hidden_layers": \(Self.layers), "num_attention_heads": \(Self.heads), \
    "num_key_value_heads": 1, "vocab_size": \(Self.tokens.count), "max_position_embeddings": 512, "rms_norm_eps": 1e-05, \
    "rope_theta": 10000.0, "tie_word_embeddings": \(tiedHead), "\(key)": "\(type)", "extra": {"kept": 0.10}}
    """
  }

  func tensorFile(_ type: String = "float32") throws -> TensorFile {
    var file = TensorFile(metadata: ["format": "pt"])
    let (element, number) = Self.types[type] ?? (.float32, 0)
    for tensor in tensors {
      file[tensor.name] = try Tensor(
        elementType: element, shape: tensor.shape, bytes: Self.bytes(tensor.values, number))
    }
    return file
  }

  /// Writes config.json and model.safetensors.
  func write(to folder: TemporaryFolder, type: String = "float32") throws {
    try folder.write(configuration(type), to: "config.json")
    try folder.write(try tensorFile(type).encoded(), to: "model.safetensors")
  }
}

/// What an error says, or that there was none.
func failure(_ body: () throws -> Void) -> String {
  do { try body() } catch { return "\(error)" }
  return "no error"
}
