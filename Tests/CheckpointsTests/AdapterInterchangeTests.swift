import Checkpoints
import Kernels
import TemporaryFolders
import Tensors
import Testing

/// Adapters as PEFT and others write them: any modules, patterns, rsLoRA; and what is made of them when they are written.
struct AdapterInterchangeTests {
  private let model: ModelConfiguration
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let file = try TemporaryFolder()
    model = try ModelCheckpoint.open(file.write(SmallModel().gguf().encoded, to: "model.gguf")).configuration
  }

  /// Writes an adapter with matrices of the given ranks for the modules, which begin with "model." or "layers.".
  private func write(
    _ modules: [(name: String, rank: Int)], _ options: String, prefix: String = "base_model.model.",
    infix: String = ""
  ) throws {
    var file = TensorFile(metadata: ["format": "pt"])
    for (index, (module, rank)) in modules.enumerated() {
      let projection = try #require(Projection(rawValue: String(module.split(separator: ".").last ?? "")))
      let shape = model.shape(of: projection)
      let a = (0..<rank * shape.columns).map { Float(($0 + index) % 7) / 8 - 0.4 }
      let b = (0..<rank * shape.rows).map { Float(($0 + index) % 5) / 4 - 0.5 }
      file["\(prefix)\(module).lora_A\(infix).weight"] = Tensor(a, shape: [rank, shape.columns])
      file["\(prefix)\(module).lora_B\(infix).weight"] = Tensor(b, shape: [shape.rows, rank])
    }
    try folder.write(file.encoded(), to: "adapter_model.safetensors")
    try folder.write(
      "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 6, \"target_modules\": \"x\", \(options)\"bias\": \"none\"}",
      to: "adapter_config.json")
  }

  private func read() throws -> Adapter { try Adapter.read(directory: folder.path, for: model) }

  private func refusal() -> String {
    let text = failure { _ = try read() }
    return text.hasPrefix(folder.path) ? "." + text.dropFirst(folder.path.count) : text
  }

  private static let modules = [
    (name: "model.layers.0.self_attn.q_proj", rank: 4), (name: "model.layers.0.mlp.up_proj", rank: 2),
    (name: "model.layers.1.self_attn.q_proj", rank: 4), (name: "model.layers.1.self_attn.o_proj", rank: 9),
  ]
  private static let patterns = """
    "rank_pattern": {"up_proj": 2, "^model.layers.1.self_attn.o_proj": 9}, \
    "alpha_pattern": {"layers.1.self_attn.q_proj": 10, "(up|q)_proj": 3.5}, 
    """

  @Test func scalesComeFromThePatternsAndTheRanks() throws {
    try write(Self.modules, Self.patterns)
    let adapter = try read()
    #expect(adapter.configuration.targets == [.query, .output, .up])
    // By hand: α/r with the first pattern that matches.
    #expect(adapter.layers[0][.query]?.scale == 3.5 / 4)
    #expect(adapter.layers[0][.up]?.scale == 3.5 / 2)
    #expect(adapter.layers[1][.query]?.scale == 10.0 / 4)
    #expect(adapter.layers[1][.output]?.scale == Float(6.0 / 9))
    #expect(adapter.layers[1][.output]?.a.rows == 9)
    #expect(adapter.layers[0][.output] == nil && adapter.layers[1][.up] == nil)
  }

  @Test func rankStabilizedAdaptersAreScaledByTheRoot() throws {
    try write(Self.modules, Self.patterns + "\"use_rslora\": true, ")
    let adapter = try read()
    #expect(adapter.layers[0][.query]?.scale == 3.5 / 2)
    #expect(adapter.layers[0][.up]?.scale == Float(3.5 / 2.0.squareRoot()))
    #expect(adapter.layers[1][.output]?.scale == 6.0 / 3)
  }

  @Test(arguments: [false, true])
  func whatIsWrittenBackHasTheSameScales(_ isRankStabilized: Bool) throws {
    try write(Self.modules, Self.patterns + "\"use_rslora\": \(isRankStabilized), ")
    let adapter = try read()
    let other = try TemporaryFolder()
    try adapter.write(directory: other.path)
    let back = try Adapter.read(directory: other.path, for: model)
    #expect(back.configuration == adapter.configuration)
    #expect(back.fingerprint == adapter.fingerprint)
    for (own, found) in zip(adapter.layers, back.layers) {
      #expect(own.mapValues(\.scale) == found.mapValues(\.scale))
    }
    // Only these modules: peft would make matrices in all layers for bare names.
    let text = try #require(other.text("adapter_config.json"))
    for (name, _) in Self.modules { #expect(text.contains("\"\(name)\"")) }
    #expect(!text.contains("\"q_proj\""))
  }

  @Test(arguments: [
    ("base_model.model.model.", ""), ("base_model.model.", ""), ("base_model.model.model.", ".default"), ("model.", ""),
    ("", ""), ("", ".mine"),
  ])
  func namesOfOtherProgramsAreRead(_ prefix: String, _ infix: String) throws {
    let modules = Self.modules.map { (name: String($0.name.dropFirst("model.".count)), rank: $0.rank) }
    let anywhere = "\"rank_pattern\": {\"up_proj\": 2, \"o_proj\": 9}, "
    try write(modules, anywhere, prefix: prefix, infix: infix)
    let adapter = try read()
    try write(Self.modules, anywhere)
    #expect(try adapter.fingerprint == read().fingerprint)
  }

  @Test func aPatternThatSeesTheModelsNameIsRefusedWhereItIsLeftOut() throws {
    try write([("layers.0.mlp.up_proj", 4)], "\"alpha_pattern\": {\"^layers.0.mlp.up_proj\": 3}, ")
    #expect(refusal().contains("its patterns mean something else for layers.0.mlp.up_proj"))
  }

  @Test func theFingerprintSeesEveryScale() throws {
    try write(Self.modules, Self.patterns)
    let before = try read().fingerprint
    try write(Self.modules, Self.patterns.replacing("3.5", with: "3.25"))
    #expect(try read().fingerprint != before)
  }

  // MARK: Refusals

  @Test(arguments: [
    (
      "\"rank_pattern\": {\"up_proj\": 3}, ",
      "./adapter_model.safetensors: the tensor base_model.model.model.layers.0.mlp.up_proj.lora_A.weight has shape "
        + "[4, 32], expected [3, 32]"
    ),
    (
      "\"alpha_pattern\": {\"(?i)up\": 3}, ",
      "./adapter_config.json: \"alpha_pattern\" has \"(?i)up\" with a group that starts with \"(?\", which is not supported"
    ),
    (
      "\"rank_pattern\": {\"up_proj\": 0}, ",
      "./adapter_config.json: \"rank_pattern\" for \"up_proj\" is 0, expected 1 to 4096"
    ),
    (
      "\"alpha_pattern\": {\"up_proj\": \"3\"}, ", "./adapter_config.json: \"up_proj\" is a string, expected a number"
    ),
    ("\"alpha_pattern\": [3], ", "./adapter_config.json: \"alpha_pattern\" is an array, expected an object"),
    ("\"use_dora\": true, ", "./adapter_config.json: \"use_dora\" is true, which is not supported"),
    ("\"use_something_new\": true, ", "./adapter_config.json: \"use_something_new\" is true, which is not supported"),
    ("\"use_bdlora\": {\"n\": 1}, ", "./adapter_config.json: \"use_bdlora\" is not empty, which is not supported"),
    ("\"lora_bias\": true, ", "./adapter_config.json: \"lora_bias\" is true, which is not supported"),
    (
      "\"modules_to_save\": [\"lm_head\"], ",
      "./adapter_config.json: \"modules_to_save\" is not empty, which is not supported"
    ),
    (
      "\"trainable_token_indices\": [3], ",
      "./adapter_config.json: \"trainable_token_indices\" is not empty, which is not supported"
    ),
    (
      "\"init_lora_weights\": \"pissa_niter_4\", ",
      "./adapter_config.json: \"init_lora_weights\" is \"pissa_niter_4\", which is not supported: it may belong to changed "
        + "weights of the model"
    ),
  ])
  func whatCannotBeHonouredIsRefused(_ options: String, _ reason: String) throws {
    try write([("model.layers.0.mlp.up_proj", 4)], options)
    #expect(refusal() == reason)
  }

  @Test(arguments: [
    "\"target_modules\": \"all-linear\", ", "\"target_modules\": [\"layers.0.mlp.up_proj\"], ",
    "\"target_modules\": \".*up_proj\", \"exclude_modules\": [\"layers.1.mlp.up_proj\"], ",
    "\"layers_to_transform\": 0, \"layers_pattern\": \"layers\", \"init_lora_weights\": \"gaussian\", ",
    "\"loftq_config\": {}, \"eva_config\": null, \"use_dora\": null, \"modules_to_save\": [], ",
  ])
  func whatOnlySaysWhereMatricesWereMadeIsNotAsked(_ options: String) throws {
    try write([("model.layers.0.mlp.up_proj", 4)], "")
    let plain = try read()
    let file = try #require(folder.text("adapter_config.json")).replacing("\"target_modules\": \"x\", ", with: options)
    try folder.write(file, to: "adapter_config.json")
    #expect(try read().fingerprint == plain.fingerprint)
  }

  @Test(arguments: [
    ("base_model.model.lm_head.lora_A.weight", "adapts or replaces the head, which is not supported"),
    ("base_model.model.model.embed_tokens.lora_embedding_A", "adapts the embeddings, which is not supported"),
    ("base_model.model.model.embed_tokens.weight", "adapts or replaces the embeddings, which is not supported"),
    ("base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector", "is DoRA's, which is not supported"),
    ("base_model.model.model.layers.0.mlp.up_proj.lora_B.bias", "is a bias, which is not supported"),
    ("base_model.model.model.layers.0.self_attn.up_proj.lora_A.weight", "fits no projection of the model"),
    ("base_model.model.model.layers.+1.mlp.up_proj.lora_A.weight", "fits no projection of the model"),
  ])
  func tensorsThatAreNoMatrixOfAProjection(_ name: String, _ reason: String) throws {
    try write([("model.layers.0.mlp.up_proj", 4)], "")
    var file = try TensorFile(parsing: folder.read("adapter_model.safetensors"), source: "adapter")
    file[name] = Tensor([Float(0)], shape: [1])
    try folder.write(file.encoded(), to: "adapter_model.safetensors")
    #expect(refusal() == "./adapter_model.safetensors: the tensor \(name) \(reason)")
  }

  @Test func aProjectionStandsOnce() throws {
    try write([("model.layers.0.mlp.up_proj", 4), ("layers.0.mlp.up_proj", 4)], "")
    #expect(
      refusal().contains(".lora_A.weight belongs to the same projection as base_model.model.layers.0.mlp.up_proj.lora_")
    )
    try write([("model.layers.0.mlp.up_proj", 4)], "")
    var file = try TensorFile(parsing: folder.read("adapter_model.safetensors"), source: "adapter")
    file["model.layers.0.mlp.up_proj.lora_A.x.weight"] = Tensor([Float(0)], shape: [1])
    try folder.write(file.encoded(), to: "adapter_model.safetensors")
    #expect(refusal().contains("the tensor model.layers.0.mlp.up_proj.lora_A.x.weight belongs to the same projection"))
  }

  @Test func pickledWeightsAreRefusedWithAdvice() throws {
    try write([("model.layers.0.mlp.up_proj", 4)], "")
    let other = try TemporaryFolder()
    try other.write(try folder.read("adapter_config.json"), to: "adapter_config.json")
    try other.write("PK", to: "adapter_model.bin")
    #expect(
      failure { _ = try Adapter.read(directory: other.path, for: model) }.contains(
        "pickled files can run code and are not read: load the adapter with peft and save it with save_pretrained"))
  }
}
