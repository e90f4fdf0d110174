import Records
import Synchronization
import TemporaryFolders
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A tiny Llama with random weights as a Hugging Face directory: real files, two layers of width 32, and a byte-level
/// tokenizer with the chat template of SmolLM2-Instruct. It says nonsense, but its probabilities are far from uniform.
struct TinyModelFolder {
  static let contextLength = 1024
  private static let hiddenSize = 32
  private static let intermediateSize = 64
  private static let layers = 2
  private static let heads = 4
  private static let keyHeads = 2

  /// The model that commands find as `$MODEL`.
  static let shared: Result<String, any Error> = make(seed: 7)
  /// A model of the same shape with other weights, `$OTHER_MODEL`.
  static let other: Result<String, any Error> = make(seed: 8)

  private static let folders = Mutex<[TemporaryFolder]>([])

  private static func make(seed: UInt64) -> Result<String, any Error> {
    Result {
      let folder = try TemporaryFolder()
      try write(to: folder, seed: seed)
      folders.withLock { folders in
        // Static properties are never torn down: the folders go when the tests exit.
        if folders.isEmpty { atexit { TinyModelFolder.folders.withLock { $0 = [] } } }
        folders.append(folder)
      }
      return folder.path
    }
  }

  /// The model that is `$MODEL`, with other weights in some places, which lasts as long as the folder.
  static func changed(_ change: (inout TensorFile) throws -> Void) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try write(to: folder, seed: 7, change)
    return folder
  }

  private static func write(
    to folder: TemporaryFolder, seed: UInt64, _ change: (inout TensorFile) throws -> Void = { _ in }
  ) throws {
    let ends: JSON = .object(["bos_token_id": .integer(1), "eos_token_id": .integer(2), "pad_token_id": .integer(2)])
    try folder.write(configuration.indentedText, to: "config.json")
    try folder.write(ends.indentedText, to: "generation_config.json")
    try folder.write(tokenizer.indentedText, to: "tokenizer.json")
    try folder.write(tokenizerConfiguration.indentedText, to: "tokenizer_config.json")
    var weights = weights(seed: seed)
    try change(&weights)
    try folder.write(weights.encoded(), to: "model.safetensors")
  }

  // MARK: Tokenizer

  private static let specialTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
  private static let merges = [
    "Ġ t", "h e", "Ġ a", "i n", "e r", "o n", "Ġt he", "Ġ s", "r e", "n d", "Ġa nd", "Ġ o", "e s", "o w", "Ġ m", "a n",
    "l l", "i s", "# #", "## ##",
  ]

  // As SmolLM2-Instruct has it, character by character.
  private static let chatTemplate =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    + "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    + "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

  /// GPT-2's printable stand-ins for the 256 bytes, in its order.
  private static let byteAlphabet: [String] = {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let others = (0...255).filter { !printable.contains($0) }
    let scalars = printable + others.indices.map { 256 + $0 }
    return scalars.compactMap { Unicode.Scalar(UInt32($0)).map { String(Character($0)) } }
  }()

  private static let vocabulary = specialTokens + byteAlphabet + merges.map { $0.filter { $0 != " " } }

  /// Number of tokens.
  static var vocabularySize: Int { vocabulary.count }

  private static var tokenizer: JSON {
    let added = specialTokens.enumerated().map { index, text in
      JSON.object([
        "id": .integer(index), "content": .string(text), "single_word": .bool(false), "lstrip": .bool(false),
        "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(true),
      ])
    }
    func byteLevel(prefixSpace: Bool) -> JSON {
      .object([
        "type": .string("ByteLevel"), "add_prefix_space": .bool(prefixSpace), "trim_offsets": .bool(true),
        "use_regex": .bool(true),
      ])
    }
    return .object([
      "version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": .array(added),
      "normalizer": .null,
      "pre_tokenizer": .object([
        "type": .string("Sequence"),
        "pretokenizers": .array([
          .object(["type": .string("Digits"), "individual_digits": .bool(true)]), byteLevel(prefixSpace: false),
        ]),
      ]),
      "post_processor": .null, "decoder": byteLevel(prefixSpace: true),
      "model": .object([
        "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
        "ignore_merges": .bool(false),
        "vocab": .object(vocabulary.enumerated().map { JSON.Member($0.element, .integer($0.offset)) }),
        "merges": .array(merges.map { .string($0) }),
      ]),
    ])
  }

  private static var tokenizerConfiguration: JSON {
    .object([
      "add_prefix_space": .bool(false), "bos_token": .string("<|im_start|>"), "chat_template": .string(chatTemplate),
      "clean_up_tokenization_spaces": .bool(false), "eos_token": .string("<|im_end|>"),
      "model_max_length": .integer(contextLength), "pad_token": .string("<|im_end|>"),
      "tokenizer_class": .string("GPT2Tokenizer"), "unk_token": .string("<|endoftext|>"),
    ])
  }

  // MARK: Model

  private static var configuration: JSON {
    .object([
      "architectures": .array([.string("LlamaForCausalLM")]), "attention_bias": .bool(false),
      "bos_token_id": .integer(1), "eos_token_id": .integer(2), "hidden_act": .string("silu"),
      "hidden_size": .integer(hiddenSize), "intermediate_size": .integer(intermediateSize),
      "max_position_embeddings": .integer(contextLength), "mlp_bias": .bool(false), "model_type": .string("llama"),
      "num_attention_heads": .integer(heads), "num_hidden_layers": .integer(layers),
      "num_key_value_heads": .integer(keyHeads), "rms_norm_eps": .double(1e-5), "rope_scaling": .null,
      "rope_theta": .double(10000), "tie_word_embeddings": .bool(true), "torch_dtype": .string("float32"),
      "vocab_size": .integer(vocabularySize),
    ])
  }

  private static func weights(seed: UInt64) -> TensorFile {
    var generator = SplitMix(state: seed)
    var file = TensorFile(metadata: ["format": "pt"])
    func add(_ name: String, _ shape: [Int]) {
      // Norms are vectors and stay near 1.
      let centre: Float = shape.count == 1 ? 1 : 0
      file[name] = Tensor((0..<shape.reduce(1, *)).map { _ in centre + 0.3 * generator.normal() }, shape: shape)
    }
    add("model.embed_tokens.weight", [vocabularySize, hiddenSize])
    add("model.norm.weight", [hiddenSize])
    for layer in 0..<layers {
      let prefix = "model.layers.\(layer)."
      let keySize = hiddenSize / heads * keyHeads
      add(prefix + "input_layernorm.weight", [hiddenSize])
      add(prefix + "post_attention_layernorm.weight", [hiddenSize])
      add(prefix + "self_attn.q_proj.weight", [hiddenSize, hiddenSize])
      add(prefix + "self_attn.k_proj.weight", [keySize, hiddenSize])
      add(prefix + "self_attn.v_proj.weight", [keySize, hiddenSize])
      add(prefix + "self_attn.o_proj.weight", [hiddenSize, hiddenSize])
      add(prefix + "mlp.gate_proj.weight", [intermediateSize, hiddenSize])
      add(prefix + "mlp.up_proj.weight", [intermediateSize, hiddenSize])
      add(prefix + "mlp.down_proj.weight", [hiddenSize, intermediateSize])
    }
    return file
  }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
private struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Nearly normal: twelve uniform numbers have variance 1. No library function whose last bit could differ.
  mutating func normal() -> Float {
    var sum: Float = -6
    for _ in 0..<12 { sum += Float(next() >> 40) * 0x1p-24 }
    return sum
  }
}
