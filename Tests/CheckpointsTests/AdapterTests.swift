import Checkpoints
import Kernels
import TemporaryFolders
import Tensors
import Testing

struct AdapterTests {
  private let model: ModelConfiguration
  private let folder: TemporaryFolder
  private let adapter: Adapter

  init() throws {
    folder = try TemporaryFolder()
    let file = try TemporaryFolder()
    model = try ModelCheckpoint.open(file.write(SmallModel().gguf().encoded, to: "model.gguf")).configuration
    adapter = SmallAdapter.adapter(for: model)
    try adapter.write(directory: folder.path)
  }

  private func read() throws -> Adapter { try Adapter.read(directory: folder.path, for: model) }

  /// What reading says, with the folder's path replaced by a dot.
  private func refusal() -> String {
    let text = failure { _ = try read() }
    return text.hasPrefix(folder.path) ? "." + text.dropFirst(folder.path.count) : text
  }

  @Test func whatIsWrittenIsReadBack() throws {
    let back = try read()
    #expect(back.configuration == adapter.configuration)
    #expect(back.fingerprint == adapter.fingerprint)
    #expect(back.parameters.map(\.name) == adapter.parameters.map(\.name))
    for (own, other) in zip(back.parameters, adapter.parameters) { #expect(own.matrix.values == other.matrix.values) }
    #expect(back.layers[1][.down]?.scale == 1.5)
    #expect(back.layers[1][.gate] == nil)
    #expect(folder.names == ["adapter_config.json", "adapter_model.safetensors"])
  }

  @Test func theFilesAreThoseOfPEFT() throws {
    let tensors = try TensorFile(parsing: folder.read("adapter_model.safetensors"), source: "adapter")
    #expect(tensors.metadata == ["format": "pt"])
    #expect(tensors["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"]?.shape == [3, 64])
    #expect(tensors["base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight"]?.shape == [16, 3])
    #expect(tensors.names.count == 12)
    let text = try #require(folder.text("adapter_config.json"))
    for part in ["\"peft_type\": \"LORA\"", "\"r\": 3", "\"lora_alpha\": 4.5", "\"q_proj\"", "\"CAUSAL_LM\""] {
      #expect(text.contains(part))
    }
  }

  @Test(arguments: [
    ("\"LORA\"", "\"IA3\"", "\"peft_type\" is \"IA3\", expected \"LORA\""),
    ("\"use_dora\": false", "\"use_dora\": true", "\"use_dora\" is true, which is not supported"),
    ("\"fan_in_fan_out\": false", "\"fan_in_fan_out\": true", "\"fan_in_fan_out\" is true, which is not supported"),
    ("\"none\"", "\"all\"", "\"bias\" is \"all\", expected \"none\""),
    (
      "\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]",
      "\"modules_to_save\" is not empty, which is not supported"
    ),
    ("\"r\": 3", "\"r\": 0", "\"r\" is 0, expected 1 to 4096"),
    ("\"r\": 3", "\"r\": \"3\"", "\"r\" is a string, expected an integer"),
    ("\"r\": 3,", "", "\"r\" is missing"),
    ("\"lora_alpha\": 4.5,", "", "\"lora_alpha\" is missing"),
    ("\"lora_dropout\": 0.05", "\"lora_dropout\": 1", "\"lora_dropout\" is 1.0, expected 0 up to but not including 1"),
  ])
  func configurationsThatWouldMeanSomethingElse(_ old: String, _ new: String, _ reason: String) throws {
    let text = try #require(folder.text("adapter_config.json"))
    #expect(text.contains(old))
    try folder.write(text.replacing(old, with: new), to: "adapter_config.json")
    #expect(refusal() == "./adapter_config.json: \(reason)")
  }

  @Test func theRankMustBeThatOfTheTensors() throws {
    let text = try #require(folder.text("adapter_config.json"))
    try folder.write(text.replacing("\"r\": 3", with: "\"r\": 4"), to: "adapter_config.json")
    #expect(refusal().hasSuffix("q_proj.lora_A.weight has shape [3, 32], expected [4, 32]"))
  }

  @Test func tensorsThatDoNotFitTheModel() throws {
    let down = "base_model.model.model.layers.0.mlp.down_proj.lora_"
    func broken(_ change: (inout TensorFile) -> Void) throws -> String {
      var file = try TensorFile(parsing: folder.read("adapter_model.safetensors"), source: "adapter")
      change(&file)
      let whole = try folder.read("adapter_model.safetensors")
      try folder.write(file.encoded(), to: "adapter_model.safetensors")
      let text = refusal()
      try folder.write(whole, to: "adapter_model.safetensors")
      return text
    }
    let path = "./adapter_model.safetensors: "
    #expect(try broken { $0["\(down)B.weight"] = nil } == path + "has no tensor \"\(down)B.weight\"")
    #expect(
      try broken { $0["\(down)A.weight"] = Tensor([Float](repeating: 0, count: 96), shape: [3, 32]) }
        == path + "the tensor \(down)A.weight has shape [3, 32], expected [3, 64]")
    #expect(
      try broken { $0["\(down)A.weight"] = Tensor([Float](repeating: .nan, count: 192), shape: [3, 64]) }
        == path + "the tensor \(down)A.weight holds a number that is not finite")
    #expect(
      try broken { $0["\(down)A.weight"] = Tensor([Int32](repeating: 0, count: 192), shape: [3, 64]) }.contains(
        "the tensor \(down)A.weight: the elements are I32"))
    let stray = "base_model.model.model.layers.2.mlp.down_proj.lora_A.weight"
    #expect(
      try broken { $0[stray] = Tensor([Float](repeating: 0, count: 192), shape: [3, 64]) }
        == path + "the tensor \(stray) fits no projection of the model")
    #expect(try broken { file in for name in file.names { file[name] = nil } } == path + "the adapter holds no tensors")
  }

  @Test func missingFiles() throws {
    let empty = try TemporaryFolder()
    let error = try #require(
      #expect(throws: CheckpointError.self) { _ = try Adapter.read(directory: empty.path, for: model) })
    #expect(error.isMissing && error.reason == "there is no adapter_config.json")
  }

  @Test func theFingerprintSeesEveryEntryAndTheScale() throws {
    var scaled = adapter
    scaled.configuration.alpha = 9
    #expect(scaled.fingerprint != adapter.fingerprint)
    let last = try #require(adapter.parameters.last?.matrix)
    let before = adapter.fingerprint
    last[last.rows - 1, last.columns - 1] += 1e-6
    #expect(adapter.fingerprint != before)
  }
}
