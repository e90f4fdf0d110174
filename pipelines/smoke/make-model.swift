// Writes a tiny Llama with random weights as a Hugging Face directory, for the smoke test: real formats, no learning.
//
//     swiftc -O pipelines/smoke/make-model.swift -o /tmp/make-model && /tmp/make-model DIRECTORY

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

let hiddenSize = 32
let layerCount = 2
let headCount = 4
let keyValueHeadCount = 2
let intermediateSize = 64
let seed: UInt64 = 7

struct Failure: Error { let reason: String }

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SplitMix64 {
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

// MARK: - Tokenizer

let specialTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
let merges = [
  "Ġ t", "h e", "Ġ a", "i n", "e r", "o n", "Ġt he", "Ġ s", "r e", "n d", "Ġa nd", "Ġ o", "e s", "o w", "Ġ m", "a n",
  "l l",
  "i s",
]

// As SmolLM2-Instruct has it, character by character.
let chatTemplate =
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
  + "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
  + "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
  + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

/// GPT-2's printable stand-ins for the 256 bytes, in its order.
func byteAlphabet() -> [String] {
  let printable = Array(33...126) + Array(161...172) + Array(174...255)
  let others = (0...255).filter { !printable.contains($0) }
  let scalars = printable + others.indices.map { 256 + $0 }
  return scalars.compactMap { Unicode.Scalar(UInt32($0)).map { String(Character($0)) } }
}

let vocabulary = specialTokens + byteAlphabet() + merges.map { $0.filter { $0 != " " } }

func encoded(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}

func joined(_ items: [String]) -> String { items.joined(separator: ", ") }

func tokenizer() -> String {
  let added = specialTokens.enumerated().map {
    """
    {"id": \($0.offset), "content": \(encoded($0.element)), "single_word": false, "lstrip": false, "rstrip": false, \
    "normalized": false, "special": true}
    """
  }
  let entries = vocabulary.enumerated().map { "\(encoded($0.element)): \($0.offset)" }
  let byteLevel = "\"type\": \"ByteLevel\", \"trim_offsets\": true, \"use_regex\": true"
  return """
    {
      "version": "1.0",
      "truncation": null,
      "padding": null,
      "added_tokens": [\(joined(added))],
      "normalizer": null,
      "pre_tokenizer": {\(byteLevel), "add_prefix_space": false},
      "post_processor": null,
      "decoder": {\(byteLevel), "add_prefix_space": true},
      "model": {
        "type": "BPE",
        "dropout": null,
        "unk_token": null,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": false,
        "byte_fallback": false,
        "ignore_merges": false,
        "vocab": {\(joined(entries))},
        "merges": [\(joined(merges.map(encoded)))]
      }
    }

    """
}

func tokenizerConfiguration() -> String {
  """
  {
    "add_prefix_space": false,
    "bos_token": "<|im_start|>",
    "chat_template": \(encoded(chatTemplate)),
    "clean_up_tokenization_spaces": false,
    "eos_token": "<|im_end|>",
    "model_max_length": 2048,
    "pad_token": "<|im_end|>",
    "tokenizer_class": "GPT2Tokenizer",
    "unk_token": "<|endoftext|>"
  }

  """
}

// MARK: - Model

func configuration() -> String {
  """
  {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": \(hiddenSize),
    "initializer_range": 0.08,
    "intermediate_size": \(intermediateSize),
    "max_position_embeddings": 2048,
    "mlp_bias": false,
    "model_type": "llama",
    "num_attention_heads": \(headCount),
    "num_hidden_layers": \(layerCount),
    "num_key_value_heads": \(keyValueHeadCount),
    "pad_token_id": 2,
    "rms_norm_eps": 1e-05,
    "rope_scaling": null,
    "rope_theta": 10000.0,
    "tie_word_embeddings": true,
    "torch_dtype": "float32",
    "vocab_size": \(vocabulary.count)
  }

  """
}

/// Names and shapes, in the order of the names.
func tensors() -> [(name: String, shape: [Int])] {
  let keyValueSize = hiddenSize / headCount * keyValueHeadCount
  var result: [(name: String, shape: [Int])] = [
    ("model.embed_tokens.weight", [vocabulary.count, hiddenSize]), ("model.norm.weight", [hiddenSize]),
  ]
  for layer in 0..<layerCount {
    let parts: [(name: String, shape: [Int])] = [
      ("input_layernorm", [hiddenSize]), ("post_attention_layernorm", [hiddenSize]),
      ("self_attn.q_proj", [hiddenSize, hiddenSize]), ("self_attn.o_proj", [hiddenSize, hiddenSize]),
      ("self_attn.k_proj", [keyValueSize, hiddenSize]), ("self_attn.v_proj", [keyValueSize, hiddenSize]),
      ("mlp.gate_proj", [intermediateSize, hiddenSize]), ("mlp.up_proj", [intermediateSize, hiddenSize]),
      ("mlp.down_proj", [hiddenSize, intermediateSize]),
    ]
    result += parts.map { ("model.layers.\(layer).\($0.name).weight", $0.shape) }
  }
  return result.sorted { $0.name < $1.name }
}

/// Length of the header, header, data: https://github.com/huggingface/safetensors#format
func safetensors() -> [UInt8] {
  var generator = SplitMix64(state: seed)
  var data: [UInt8] = []
  var entries = ["\"__metadata__\": {\"format\": \"pt\"}"]
  for (name, shape) in tensors() {
    let start = data.count
    // Norms are vectors and stay near 1.
    let centre: Float = shape.count == 1 ? 1 : 0
    for _ in 0..<shape.reduce(1, *) {
      let bits = (centre + 0.08 * generator.normal()).bitPattern
      for shift in [0, 8, 16, 24] as [UInt32] { data.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    }
    entries.append(
      "\"\(name)\": {\"dtype\": \"F32\", \"shape\": \(shape), \"data_offsets\": [\(start), \(data.count)]}")
  }
  var header = Array("{\(joined(entries))}".utf8)
  while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
  let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
  return length + header + data
}

func write(_ bytes: [UInt8], to path: String) throws {
  guard let file = fopen(path, "w") else { throw Failure(reason: "\(path): \(String(cString: strerror(errno)))") }
  let count = fwrite(bytes, 1, bytes.count, file)
  guard fclose(file) == 0, count == bytes.count else {
    throw Failure(reason: "\(path): \(String(cString: strerror(errno)))")
  }
}

func run(_ arguments: [String]) throws {
  guard arguments.count == 1, let directory = arguments.first else {
    throw Failure(reason: "usage: make-model DIRECTORY")
  }
  if mkdir(directory, 0o777) != 0, errno != EEXIST {
    throw Failure(reason: "\(directory): \(String(cString: strerror(errno)))")
  }
  let generation = "{\"bos_token_id\": 1, \"eos_token_id\": 2, \"pad_token_id\": 2}\n"
  try write(Array(configuration().utf8), to: directory + "/config.json")
  try write(Array(generation.utf8), to: directory + "/generation_config.json")
  try write(Array(tokenizer().utf8), to: directory + "/tokenizer.json")
  try write(Array(tokenizerConfiguration().utf8), to: directory + "/tokenizer_config.json")
  try write(safetensors(), to: directory + "/model.safetensors")
}

do {
  try run(Array(CommandLine.arguments.dropFirst()))
} catch {
  let reason = (error as? Failure)?.reason ?? "\(error)"
  fputs("make-model: \(reason)\n", stderr)
  exit(1)
}
