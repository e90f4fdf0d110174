import Records
import TemporaryFolders
import Testing
import TinyModels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// GGUF files, tokenizers, configurations and adapters.
enum HostileModels {
  private static let deepest = "nested deeper than 256 levels"

  // MARK: GGUF

  private static func gguf(
    _ name: String, command: String = "nlft-sample --quiet --model model.gguf --max-tokens 1 good.jsonl",
    _ says: String, _ change: @escaping @Sendable (inout GGUFWriter) throws -> Void
  ) -> HostileFile {
    HostileFile(name: "GGUF: " + name, command: command, status: 65, says: "model.gguf: " + says) { folder in
      var file = try TinyModel(seed: 3).gguf
      try change(&file)
      try folder.write(file.encoded, to: "model.gguf")
    }
  }

  private static let huge = UInt64(1) << 63
  private static let versions = "expected little-endian version 2 or 3"

  /// An array of arrays, each of one element, `count` deep.
  private static func nested(_ count: Int) -> GGUFWriter.Value {
    .raw(9, (0..<count).flatMap { _ in GGUFWriter.little(UInt32(9)) + GGUFWriter.little(UInt64(1)) })
  }

  static let headers = [
    gguf("another format", #"not a GGUF file: it does not start with "GGUF""#) { $0.magic = Array("GGML".utf8) },
    gguf("version 1", "the GGUF file has version 1, \(versions)") { $0.version = 1 },
    gguf("big-endian", "the GGUF file is big-endian, \(versions)") { $0.version = 3 << 24 },
    gguf("2^63 tensors", "the number of tensors is 9223372036854775808, more than the file can hold") {
      $0.tensorCount = huge
    },
    gguf("2^63 values", "the number of metadata values is 9223372036854775808, more than the file can hold") {
      $0.valueCount = huge
    },
    gguf("array of 2^63 elements", "the length of odd is 9223372036854775808, more than the file can hold") {
      $0.metadata.insert(("odd", .raw(9, GGUFWriter.little(UInt32(0)) + GGUFWriter.little(huge))), at: 0)
    },
    gguf("array of 2^61 long numbers", "the length of odd is 2305843009213693952, more than the file can hold") {
      $0.metadata.insert(("odd", .raw(9, GGUFWriter.little(UInt32(10)) + GGUFWriter.little(huge >> 2))), at: 0)
    },
    gguf("text of 2^64 - 1 bytes", "the length of odd is 18446744073709551615, more than the file can hold") {
      $0.metadata.insert(("odd", .raw(8, GGUFWriter.little(UInt64.max))), at: 0)
    },
    gguf("text in an array", "the length of odd is 18446744073709551615, more than the file can hold") {
      let text = GGUFWriter.little(UInt32(8)) + GGUFWriter.little(UInt64(1)) + GGUFWriter.little(UInt64.max)
      $0.metadata.insert(("odd", .raw(9, text)), at: 0)
    },
    gguf("nested arrays", "odd is an array nested deeper than 4 levels") {
      $0.metadata.insert(("odd", nested(100_000)), at: 0)
    },
    gguf("no type of a value", "odd has type 13, which GGUF does not have") { $0.set("odd", .raw(13, [])) },
    gguf("no type of an element", "odd is an array of type 4294967295, which GGUF does not have") {
      $0.set("odd", .raw(9, GGUFWriter.little(UInt32.max) + GGUFWriter.little(UInt64(1))))
    },
    gguf("key that stands twice", "the metadata key general.architecture stands twice") {
      $0.metadata.append($0.metadata[0])
    },
    gguf("key of 1 MB", "the length of a metadata key is 1048576, expected at most 65535") {
      $0.metadata.insert((String(repeating: "k", count: 1 << 20), .bool(true)), at: 0)
    },
    gguf("10^5 values", "the number of metadata values is 100018, expected at most 65536") { file in
      file.metadata += (0..<100_000).map { ("k\($0)", .bool(true)) }
    },
    gguf("10^5 tensors", "the number of tensors is 100020, expected at most 65536") { file in
      file.tensors += (0..<100_000).map { GGUFWriter.Tensor(name: "t\($0)", dimensions: [1], type: 0, bytes: []) }
    },
  ]

  static let alignments = [UInt32(0), 1 << 31, 33, 48].map { number in
    gguf("alignment \(number)", "the alignment is \(number), expected a power of two") {
      $0.set("general.alignment", .unsigned(number))
    }
  }

  static let types: [HostileFile] = [
    (UInt32(4), "Q4_2 (removed from ggml)"), (5, "Q4_3 (removed from ggml)"), (31, "Q4_0_4_4 (removed from ggml)"),
    (32, "Q4_0_4_8 (removed from ggml)"), (33, "Q4_0_8_8 (removed from ggml)"),
    (36, "IQ4_NL_4_4 (removed from ggml)"), (37, "IQ4_NL_4_8 (removed from ggml)"),
    (38, "IQ4_NL_8_8 (removed from ggml)"), (9, "Q8_1"), (99, "number 99"), (.max, "number 4294967295"),
  ].map { number, name in
    gguf(
      "type \(number)",
      "the tensor token_embd.weight has type \(name), expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 or Q2_K to Q6_K"
    ) { $0.change("token_embd.weight") { $0.type = number } }
  }

  static let shapes = [
    gguf("five dimensions", "the tensor token_embd.weight has 5 dimensions, expected 1 to 4") {
      $0.change("token_embd.weight") { $0.dimensions = [1, 1, 1, 1, 1] }
    },
    gguf("no dimensions", "the tensor token_embd.weight is missing") {
      $0.change("token_embd.weight") { $0.dimensions = [] }
    },
    gguf("size 0", "the vocabulary size is 0, expected 1 to 16777216") {
      $0.change("token_embd.weight") { $0.dimensions = [32, 0] }
    },
    gguf("size 2^63", "a dimension of the tensor token_embd.weight is 9223372036854775808") {
      $0.change("token_embd.weight") { $0.dimensions = [32, huge] }
    },
    gguf("size 2^62", "the vocabulary size is 4611686018427387904, expected 1 to 16777216") {
      $0.change("token_embd.weight") { $0.dimensions = [32, huge >> 1] }
    },
    gguf(
      "tensor beyond the end", "the tensor token_embd.weight needs 2147483648 bytes at offset 5728, the file has 91744"
    ) { $0.change("token_embd.weight") { $0.dimensions = [32, 1 << 24] } },
    gguf("2^24 heads of 2^24", "16777216 attention heads of 16777216 are more than 16777216") {
      $0.set("llama.attention.head_count", .unsigned(1 << 24))
      $0.set("llama.attention.head_count_kv", .unsigned(1 << 24))
      $0.set("llama.attention.key_length", .unsigned(1 << 24))
    },
    gguf("4096 layers", "the tensor blk.2.attn_norm.weight is missing") {
      $0.set("llama.block_count", .unsigned(4096))
    },
    gguf("tensor that stands twice", "the tensor token_embd.weight stands twice") { $0.tensors.append($0.tensors[0]) },
    gguf("one part of a split", "part 2 of a model split into 3 files, expected the first, …-00001-of-00003.gguf") {
      $0.set("split.count", .unsigned(3))
      $0.set("split.no", .unsigned(1))
    },
    gguf(
      "first part by another name",
      "the first part of a model split into 3 files, expected a name that ends in -00001-of-00003.gguf"
    ) {
      $0.set("split.count", .unsigned(3))
      $0.set("split.no", .unsigned(0))
    },
    gguf("2^32 - 1 parts", "split.count is 4294967295, expected 1 to 99999") { $0.set("split.count", .unsigned(.max)) },
  ]

  private static let tokenize = "nlft-tokenize --quiet --model model.gguf good.jsonl"

  static let vocabularies = [
    gguf("token of 2^31", command: tokenize, "the end token 2147483648 is outside the vocabulary") {
      $0.set("tokenizer.ggml.eos_token_id", .unsigned(1 << 31))
    },
    gguf(
      "begin token beyond the vocabulary", command: tokenize,
      "the begin token has id 259; the vocabulary has 259 tokens"
    ) {
      $0.set("tokenizer.ggml.bos_token_id", .unsigned(259))
    },
    gguf("types for other tokens", command: tokenize, "2 token types for 259 tokens") {
      $0.set("tokenizer.ggml.token_type", .integers([1, 1]))
    },
    gguf("type of no token", command: tokenize, "token 0 has type -2147483648; types are 1 to 6") {
      $0.set("tokenizer.ggml.token_type", .integers([.min] + [Int32](repeating: 1, count: 258)))
    },
    gguf(
      "merge of unknown tokens", command: tokenize,
      #"merge 0, "zz qq", needs the token "zz", which the vocabulary lacks"#
    ) { $0.set("tokenizer.ggml.merges", .strings(["zz qq"])) },
    gguf("merge of one word", command: tokenize, #"merge 0 is "ab", not two tokens and a space"#) {
      $0.set("tokenizer.ggml.merges", .strings(["ab"]))
    },
    gguf("10^6 empty tokens", command: tokenize, "259 token types for 1000000 tokens") {
      $0.set("tokenizer.ggml.tokens", .strings([String](repeating: "", count: 1_000_000)))
    },
    gguf(
      "2^22 merges", command: tokenize, "tokenizer.ggml.merges has 4194304 elements, expected at most 2097152"
    ) { $0.set("tokenizer.ggml.merges", .strings([String](repeating: "a b", count: 1 << 22))) },
    gguf("template that is a number", command: tokenize, "tokenizer.chat_template is no string") {
      $0.set("tokenizer.chat_template", .unsigned(1))
    },
  ]

  static let pointers = ["nlft-sample --max-tokens 1", "nlft-tokenize"].map { tool in
    HostileFile(
      name: "GGUF: Git LFS pointer, \(tool)", command: "\(tool) --quiet --model model.gguf good.jsonl", status: 65,
      says: "model.gguf: a Git LFS pointer, expected the file itself (git lfs pull)"
    ) { try $0.write(HostileBytes.gitPointer, to: "model.gguf") }
  }

  // MARK: tokenizer.json

  private static func tokenizer(
    _ name: String, _ says: String, _ bytes: @escaping @Sendable () -> [UInt8]
  ) -> HostileFile {
    // Vocabularies may take more than other files.
    HostileFile(
      name: "tokenizer.json: " + name, command: "nlft-tokenize --quiet --model model good.jsonl", status: 65,
      says: "model/tokenizer.json: " + says, room: 176 << 20
    ) { folder in
      try folder.writeModel(replacing: "tokenizer.json", by: bytes())
      // It names tokens that these vocabularies lack.
      unlink(folder.file("model/tokenizer_config.json"))
    }
  }

  private static func replaced(
    _ file: String, _ name: String, _ says: String, command: String, room: Int = 48 << 20,
    _ bytes: @escaping @Sendable () -> [UInt8]
  ) -> HostileFile {
    HostileFile(
      name: "\(file): \(name)", command: command, status: 65, says: "model/\(file): " + says, room: room
    ) { folder in
      try folder.writeModel(replacing: file, by: bytes())
    }
  }

  /// A byte-level tokenizer of these tokens and merges.
  private static func file(_ vocabulary: String, merges: String = "[]", added: String = "[]") -> [UInt8] {
    Array(
      (#"{"added_tokens":\#(added),"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},"#
        + #""decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":\#(vocabulary),"merges":\#(merges)}}"#).utf8)
  }

  private static func added(_ id: String, _ text: String) -> String { #"[{"id":\#(id),"content":"\#(text)"}]"# }

  static let tokenizers = [
    tokenizer("Git LFS pointer", "a Git LFS pointer, expected the file itself (git lfs pull)") {
      HostileBytes.gitPointer
    },
    tokenizer("deep", "not JSON: \(deepest) at byte 770") { HostileBytes.deep("[") },
    tokenizer("merge of an unknown token", #"merge 0, "a q", needs the token "q", which the vocabulary lacks"#) {
      file(#"{"a":0,"b":1,"ab":2}"#, merges: #"["a q"]"#)
    },
    tokenizer("merge into an unknown token", #"merge 0, "a b", needs the token "ab", which the vocabulary lacks"#) {
      file(#"{"a":0,"b":1}"#, merges: #"["a b"]"#)
    },
    tokenizer("merge of three", #"model.merges[0] is "["a","b","c"]", not two tokens"#) {
      file(#"{"a":0,"b":1}"#, merges: #"[["a","b","c"]]"#)
    },
    tokenizer("sparse ids", #"the id of "b" is 2, out of range: there are 2 tokens"#) { file(#"{"a":0,"b":2}"#) },
    tokenizer("hole", "no token has id 1, but there are ids up to 2") {
      file(#"{"a":0,"b":2}"#, added: added("0", "a"))
    },
    tokenizer("two tokens of one id", #""a" and "b" have the same id, 0"#) { file(#"{"a":0,"b":0}"#) },
    tokenizer("token that stands twice", #"not JSON: the key "a" stands twice at byte 167"#) {
      file(#"{"a":0,"a":1}"#)
    },
    tokenizer("negative id", #"the id of "b" is -1, out of range"#) { file(#"{"a":0,"b":-1}"#) },
    tokenizer("id 2^31", #"the id of "b" is 2147483648, out of range"#) { file(#"{"a":0,"b":2147483648}"#) },
    tokenizer("id 2^31 - 1", #"the id of "b" is 2147483647, out of range: there are 2 tokens"#) {
      file(#"{"a":0,"b":2147483647}"#)
    },
    tokenizer("id 2^63", #"the id of "b" is a number, not an integer"#) { file(#"{"a":0,"b":9223372036854775808}"#) },
    tokenizer("added token of another id", #""a" and "x" have the same id, 0"#) {
      file(#"{"a":0,"b":1}"#, added: added("0", "x"))
    },
    tokenizer("added token beyond the end", #"the id of "x" is 9, out of range: there are 3 tokens"#) {
      file(#"{"a":0,"b":1}"#, added: added("9", "x"))
    },
    tokenizer("added token that is another", #"token 2 has the text of token 0, "a""#) {
      file(#"{"a":0,"b":1}"#, added: added("2", "a"))
    },
    tokenizer("many values", "not JSON: too many values for 20000003 bytes at byte 6425738") {
      Array("[0".utf8) + HostileBytes.repeated(",0", 10_000_000) + Array("]".utf8)
    },
    tokenizer("many small objects", "not JSON: too many values for 10500009 bytes at byte 6029904") {
      Array(#"{"a":[0"#.utf8) + HostileBytes.repeated(#",{"":0}"#, 1_500_000) + Array("]}".utf8)
    },
  ]

  // MARK: config.json and its kin

  private static let sample = "nlft-sample --quiet --model model --max-tokens 1 good.jsonl"

  private static func configuration(
    _ name: String, _ says: String, _ change: @escaping @Sendable (inout Record) -> Void
  ) -> HostileFile {
    HostileFile(name: "config.json: " + name, command: sample, status: 65, says: says) { folder in
      let text = try #require(TemporaryFolder.content(of: TinyModelFolder.shared.get() + "/config.json"))
      var record = Record()
      for member in try JSON(parsing: text).members ?? [] { record[member.key] = member.value }
      change(&record)
      try folder.writeModel(replacing: "config.json", by: record.encoded)
    }
  }

  static let configurations = [
    replaced("config.json", "deep", "not JSON: \(deepest) at byte 770", command: sample) { HostileBytes.deep() },
    replaced("config.json", "cut", "not JSON: the text ends where ':' is expected at byte 14", command: sample) {
      Array(#"{"model_type""#.utf8)
    },
    replaced(
      "config.json", "many values", "not JSON: too many values for 20000003 bytes at byte 2231434", command: sample
    ) { Array("[0".utf8) + HostileBytes.repeated(",0", 10_000_000) + Array("]".utf8) },
    configuration(
      "10^18 layers", "model/config.json: the number of layers is 1000000000000000000, expected 1 to 4096"
    ) { $0["num_hidden_layers"] = .number("1e18") },
    configuration("2^24 layers", "model/config.json: the number of layers is 16777216, expected 1 to 4096") {
      $0["num_hidden_layers"] = .integer(1 << 24)
    },
    configuration(
      "2^24 heads of 2^24", "model/config.json: 16777216 attention heads of 16777216 are more than 16777216"
    ) {
      for key in ["num_attention_heads", "num_key_value_heads", "head_dim"] { $0[key] = .integer(1 << 24) }
    },
    configuration("no heads", #"model/config.json: "num_attention_heads" is 0"#) {
      $0["num_attention_heads"] = .integer(0)
    },
    configuration("negative size", "model/config.json: the vocabulary size is -1, expected 1 to 16777216") {
      $0["vocab_size"] = .integer(-1)
    },
    configuration(
      "another vocabulary",
      "model/model.safetensors: the tensor model.embed_tokens.weight has shape [279, 32], expected [16777216, 32]"
    ) { $0["vocab_size"] = .integer(1 << 24) },
    configuration("infinite base", "model/config.json: the rotary base is inf") { $0["rope_theta"] = .number("1e999") },
  ]

  // MARK: Adapters

  private static func adapter(
    _ name: String, _ says: String, configuration: @escaping @Sendable () -> [UInt8],
    weights: @escaping @Sendable () -> [UInt8] = { [] }
  ) -> HostileFile {
    HostileFile(
      name: "adapter: " + name,
      command: #"nlft-export --quiet --model "$MODEL" --adapter adapter --gguf out.gguf"#, status: 65,
      says: "adapter/" + says
    ) { folder in
      try folder.folder("adapter")
      try folder.write(configuration(), to: "adapter/adapter_config.json")
      try folder.write(weights(), to: "adapter/adapter_model.safetensors")
    }
  }

  private static func lora(_ more: String = "") -> [UInt8] {
    Array(#"{"peft_type":"LORA","r":2,"lora_alpha":4\#(more)}"#.utf8)
  }

  static let adapters = [
    adapter("deep", "adapter_config.json: not JSON: \(deepest) at byte 770", configuration: { HostileBytes.deep() }),
    adapter(
      "Git LFS pointer for weights",
      "adapter_model.safetensors: is a Git LFS pointer, expected the file itself (git lfs pull)",
      configuration: { lora() }, weights: { HostileBytes.gitPointer }),
    adapter(
      "rank 2^62", #"adapter_config.json: "r" is 4611686018427387904, expected 1 to 4096"#,
      configuration: { Array(#"{"peft_type":"LORA","r":4611686018427387904,"lora_alpha":4}"#.utf8) }),
    adapter(
      "nested groups",
      #"adapter_config.json: "rank_pattern" has "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((" with groups nested deeper than 6, which is not supported"#,
      configuration: { lora(#","rank_pattern":{"\#(String(repeating: "(", count: 1000))":1}"#) }),
    adapter(
      "10^5 patterns", #"adapter_config.json: "rank_pattern" has 100000 patterns, expected at most 2048"#,
      configuration: { lora(#","rank_pattern":{\#((0..<100_000).map { "\"p\($0)\":1" }.joined(separator: ","))}"#) }),
  ]
}
