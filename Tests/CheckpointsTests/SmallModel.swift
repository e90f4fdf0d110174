import Checkpoints
import Tensors
import TemporaryFolders
import TinyModels

/// A model of two layers, of any family, whose every number all plain types hold exactly, to be written in either format.
struct SmallModel {
  static let hidden = 32
  static let heads = 2
  static let headDimension = 16
  static let feedForward = 64
  static let layers = 2

  /// Hugging Face names, shapes and values.
  var tensors: [(name: String, shape: [Int], values: [Float])] = []
  var tiedHead = true
  var family = ModelFamily.llama
  var splitRule = "smollm"
  var rotaryBase: Float = 10000

  /// - Parameter biases: projections that have one, by block and name; those of the family if nil.
  init(tiedHead: Bool = true, family: ModelFamily = .llama, biases: [String]? = nil) {
    self.tiedHead = tiedHead
    self.family = family
    let biases = biases ?? (family == .qwen2 ? ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"] : [])
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
      if family == .qwen3 || family == .gemma3 {
        add(prefix + "self_attn.q_norm.weight", Self.headDimension)
        add(prefix + "self_attn.k_norm.weight", Self.headDimension)
      }
      if family == .gemma3 {
        add(prefix + "pre_feedforward_layernorm.weight", Self.hidden)
        add(prefix + "post_feedforward_layernorm.weight", Self.hidden)
      }
      for name in biases {
        let rows = tensors.first { $0.name == prefix + name + ".weight" }?.shape[0] ?? 0
        add(prefix + name + ".bias", rows)
      }
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
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
  ]

  func ggufName(_ name: String) -> String {
    switch name {
    case "model.embed_tokens.weight": return "token_embd.weight"
    case "model.norm.weight": return "output_norm.weight"
    case "lm_head.weight": return "output.weight"
    default:
      let parts = name.split(separator: ".").map(String.init)
      let part = parts[3..<parts.count - 1].joined(separator: ".")
      let behind = family == .gemma3 ? "post_attention_norm" : "ffn_norm"
      let own = part == "post_attention_layernorm" ? behind : Self.ggufNames[part] ?? ""
      return "blk.\(parts[2]).\(own).\(parts.last ?? "")"
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
    let name = architecture
    file.metadata = [
      ("general.architecture", .string(name)), ("\(name).block_count", .unsigned(UInt32(Self.layers))),
      ("\(name).context_length", .unsigned(512)), ("\(name).embedding_length", .unsigned(UInt32(Self.hidden))),
      ("\(name).feed_forward_length", .unsigned(UInt32(Self.feedForward))),
      ("\(name).attention.head_count", .unsigned(UInt32(Self.heads))),
      ("\(name).attention.head_count_kv", .unsigned(1)),
      ("\(name).attention.layer_norm_rms_epsilon", .float(1e-5)), ("\(name).rope.freq_base", .float(rotaryBase)),
      ("\(name).rope.dimension_count", .unsigned(UInt32(Self.headDimension))),
    ]
    if let window { file.metadata.append(("\(name).attention.sliding_window", .unsigned(UInt32(window)))) }
    if family == .qwen3 || family == .gemma3 {
      file.metadata.append(("\(name).attention.key_length", .unsigned(UInt32(Self.headDimension))))
      file.metadata.append(("\(name).attention.value_length", .unsigned(UInt32(Self.headDimension))))
    }
    if family == .gemma3 {
      file.metadata.append(("gemma3.attention.sliding_window_pattern", .unsigned(2)))
    }
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
      if architecture == "llama", tensor.name.contains("q_proj") || tensor.name.contains("k_proj") {
        let width = values.count / tensor.shape[0]
        let rows = (0..<tensor.shape[0]).map { Array(values[$0 * width..<($0 + 1) * width]) }
        values = Self.interleaved(rows).flatMap { $0 }
      }
      if family == .gemma3, tensor.name.contains("norm") { values = values.map { $0 + 1 } }
      let stored = tensor.shape.count == 1 ? 0 : type
      file.tensors.append(
        GGUFWriter.Tensor(
          name: ggufName(tensor.name), dimensions: tensor.shape.reversed().map(UInt64.init), type: stored,
          bytes: Self.bytes(values, stored)))
    }
    return file
  }

  /// What GGUF files call the family.
  var architecture: String {
    switch family {
    case .llama, .mistral: "llama"
    case .qwen2: "qwen2"
    case .qwen3: "qwen3"
    case .gemma3: "gemma3"
    }
  }

  /// The sliding window, in the families that have one here.
  var window: Int? { family == .mistral || family == .gemma3 ? 24 : nil }

  // MARK: Hugging Face

  static let types: [String: (element: ElementType, gguf: UInt32)] = [
    "float32": (.float32, 0), "float16": (.float16, 1), "bfloat16": (.bfloat16, 30),
  ]

  func configuration(_ type: String = "float32", key: String = "dtype") -> String {
    """
    {"architectures": ["LlamaForCausalLM"], "model_type": "\(family.rawValue)", "hidden_size": \(Self.hidden), \
    "intermediate_size": \(Self.feedForward), "num_hidden_layers": \(Self.layers), "num_attention_heads": \(Self.heads), \
    "num_key_value_heads": 1, "vocab_size": \(Self.tokens.count), "max_position_embeddings": 512, "rms_norm_eps": 1e-05, \
    "rope_theta": 10000.0, "tie_word_embeddings": \(tiedHead), "\(key)": "\(type)", \(options)"extra": {"kept": 0.10}}
    """
  }

  /// What config.json says beyond what llama's does.
  private var options: String {
    switch family {
    case .llama, .qwen2: ""
    case .mistral: "\"sliding_window\": 24, "
    case .qwen3: "\"head_dim\": 16, "
    case .gemma3:
      "\"head_dim\": 16, \"query_pre_attn_scalar\": 16, \"sliding_window\": 24, \"sliding_window_pattern\": 2, "
    }
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
