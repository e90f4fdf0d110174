import Checkpoints
import Kernels
import TemporaryFolders
import Tensors
import Testing

struct HuggingFaceModelTests {
  /// What opening the folder says after `change`, with the folder's path replaced by a dot.
  private func refusal(_ change: (TemporaryFolder) throws -> Void) throws -> String {
    let folder = try TemporaryFolder()
    try SmallModel().write(to: folder)
    try change(folder)
    let text = failure { _ = try ModelCheckpoint.open(folder.path) }
    return text.hasPrefix(folder.path) ? "." + text.dropFirst(folder.path.count) : text
  }

  private func replaced(_ old: String, _ new: String) throws -> String {
    try refusal { folder in
      let text = SmallModel().configuration()
      let parts = text.split(separator: old, omittingEmptySubsequences: false)
      #expect(parts.count == 2)
      try folder.write(parts.joined(separator: new), to: "config.json")
    }
  }

  @Test(arguments: ["float32", "float16", "bfloat16"])
  func plainTypesGiveTheSameNumbers(_ type: String) throws {
    let folder = try TemporaryFolder()
    let model = SmallModel(tiedHead: false)
    try model.write(to: folder, type: type)
    let checkpoint = try ModelCheckpoint.open(folder.path)
    let weight = checkpoint.layers[1][.key]
    let values = Matrix(rows: weight.rows, columns: weight.columns)
    weight.widen(rows: 0..<weight.rows, columns: 0..<weight.columns, into: values.view.base)
    #expect(values.values == model.values("model.layers.1.self_attn.k_proj.weight"))
    #expect(checkpoint.finalNorm == model.values("model.norm.weight"))
    #expect(checkpoint.configuration.keyHeads == 1)
  }

  @Test func shards() throws {
    let folder = try TemporaryFolder()
    let whole = try SmallModel().tensorFile()
    var map: [String] = []
    for part in 0..<2 {
      var shard = TensorFile()
      for (index, name) in whole.names.enumerated() where index % 2 == part {
        shard[name] = whole[name]
        map.append("\"\(name)\": \"part-\(part).safetensors\"")
      }
      try folder.write(shard.encoded(), to: "part-\(part).safetensors")
    }
    try folder.write(SmallModel().configuration(), to: "config.json")
    func index(_ map: [String]) throws {
      try folder.write("{\"weight_map\": {\(map.joined(separator: ", "))}}", to: "model.safetensors.index.json")
    }
    try index(map)
    #expect(try ModelCheckpoint.open(folder.path).finalNorm == SmallModel().values("model.norm.weight"))
    try index(map + ["\"other\": \"part-2.safetensors\""])
    let missing = failure { _ = try ModelCheckpoint.open(folder.path) }
    #expect(missing == "\(folder.path)/part-2.safetensors: cannot be opened: No such file or directory")
    for name in ["../x", "", "a/b", "..", "/part-0.safetensors"] {
      try index(map + ["\"other\": \"\(name)\""])
      let text = failure { _ = try ModelCheckpoint.open(folder.path) }
      #expect(
        text
          == "\(folder.path)/model.safetensors.index.json: the shard of other is \"\(name)\", expected a plain file name"
      )
    }
    try index(
      map.map { $0.hasPrefix("\"model.norm") ? $0.replacing("part-0", with: "part-1") : $0 }
        .map { $0.hasPrefix("\"model.embed") ? $0.replacing("part-0", with: "part-1") : $0 })
    #expect(
      failure { _ = try ModelCheckpoint.open(folder.path) }.contains("is missing, though the index places it here"))
  }

  @Test func missingFiles() throws {
    let folder = try TemporaryFolder()
    let error = try #require(#expect(throws: CheckpointError.self) { _ = try ModelCheckpoint.open(folder.path) })
    #expect(error.isMissing)
    #expect(error.reason == "there is no config.json")
    try folder.write(SmallModel().configuration(), to: "config.json")
    #expect(failure { _ = try ModelCheckpoint.open(folder.path) }.contains("/model.safetensors: cannot be opened"))
  }

  @Test func configurationsThatCannotBeHonoured() throws {
    let path = "./config.json: "
    #expect(
      try replaced("\"model_type\": \"llama\"", "\"model_type\": \"phi3\"")
        == path
        + "\"model_type\" is \"phi3\", expected one of \"llama\", \"mistral\", \"qwen2\", \"qwen3\", \"gemma3_text\"")
    #expect(
      try replaced("\"model_type\": \"llama\"", "\"model_type\": \"gemma3\", \"vision_config\": {}").hasSuffix(
        "\"gemma3_text\"; models with a vision part are not read"))
    #expect(
      try replaced("\"extra\"", "\"quantization_config\"").hasPrefix(path + "a \"quantization_config\" is there"))
    #expect(
      try replaced("\"extra\"", "\"mlp_bias\": true, \"extra\"")
        == ".: the tensor model.layers.0.mlp.gate_proj.bias is missing")
    #expect(
      try replaced("\"extra\"", "\"hidden_act\": \"gelu\", \"extra\"")
        == path + "\"hidden_act\" is \"gelu\", expected \"silu\" or \"gelu_pytorch_tanh\"")
    #expect(try replaced("\"hidden_size\": 32, ", "") == path + "\"hidden_size\" is missing")
    #expect(
      try replaced("\"hidden_size\": 32", "\"hidden_size\": \"32\"")
        == path + "\"hidden_size\" is a string, expected an integer")
    #expect(try replaced("\"num_attention_heads\": 2", "\"num_attention_heads\": 0").contains("is 0"))
    #expect(
      try replaced("\"extra\"", "\"rope_scaling\": {\"rope_type\": \"yarn\"}, \"extra\"").contains(
        "rotary scaling of type \"yarn\""))
    #expect(
      try replaced("\"extra\"", "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8}, \"extra\"").contains(
        "\"low_freq_factor\" is missing"))
  }

  @Test func pointersOfGitLFS() throws {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    let words = "a Git LFS pointer, expected the file itself (git lfs pull)"
    #expect(try refusal { try $0.write(pointer, to: "config.json") } == "./config.json: \(words)")
  }

  @Test func tensorsThatDoNotFit() throws {
    func broken(_ change: (inout TensorFile) throws -> Void) throws -> String {
      try refusal { folder in
        var file = try SmallModel().tensorFile()
        try change(&file)
        try folder.write(file.encoded(), to: "model.safetensors")
      }
    }
    #expect(
      try broken { $0["model.layers.1.mlp.up_proj.weight"] = Tensor([Float](repeating: 0, count: 64), shape: [2, 32]) }
        == "./model.safetensors: the tensor model.layers.1.mlp.up_proj.weight has shape [2, 32], expected [64, 32]")
    #expect(try broken { $0["model.norm.weight"] = nil } == ".: the tensor model.norm.weight is missing")
    #expect(
      try broken { $0["model.norm.weight"] = Tensor([Int32](repeating: 0, count: 32)) }
        == "./model.safetensors: the tensor model.norm.weight has type I32, expected F32, F16 or BF16")
    #expect(try refusal { try $0.write([1, 2, 3], to: "model.safetensors") }.contains("not a safetensors file"))
  }
}
