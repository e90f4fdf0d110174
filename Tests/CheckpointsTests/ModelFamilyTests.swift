import Checkpoints
import Kernels
import Records
import TemporaryFolders
import Testing

/// Each family is the same model whichever format it comes from.
struct ModelFamilyTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func rows(_ weight: WeightMatrix) -> [Float] {
    let values = Matrix(rows: weight.rows, columns: weight.columns)
    weight.widen(rows: 0..<weight.rows, columns: 0..<weight.columns, into: values.view.base)
    return values.values
  }

  /// What must be there, as the model was made; gemma's norms with the 1 that its files leave out.
  private func expectWeights(
    _ checkpoint: ModelCheckpoint, of model: SmallModel, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let isGemma = model.family == .gemma3
    func norm(_ name: String) -> [Float]? {
      let values = model.values(name + ".weight")
      return values.isEmpty ? nil : values.map { isGemma ? $0 + 1 : $0 }
    }
    func expect(_ found: [Float]?, _ expected: [Float]?, _ name: Comment) {
      #expect(found == expected, name, sourceLocation: sourceLocation)
    }
    #expect(rows(checkpoint.embedding) == model.values("model.embed_tokens.weight"), sourceLocation: sourceLocation)
    expect(checkpoint.finalNorm, norm("model.norm"), "final norm")
    for (index, layer) in checkpoint.layers.enumerated() {
      let prefix = "model.layers.\(index)."
      for projection in Projection.allCases {
        let name = "\(prefix)\(projection.block).\(projection.rawValue)"
        expect(rows(layer[projection]), model.values(name + ".weight"), "\(name)")
        let bias = model.values(name + ".bias")
        expect(layer.bias(of: projection), bias.isEmpty ? nil : bias, "bias of \(name)")
      }
      let behind = norm(prefix + "post_attention_layernorm")
      expect(layer.attentionNorm, norm(prefix + "input_layernorm"), "before attention")
      expect(layer.queryNorm, norm(prefix + "self_attn.q_norm"), "queries")
      expect(layer.keyNorm, norm(prefix + "self_attn.k_norm"), "keys")
      expect(layer.attentionOutputNorm, isGemma ? behind : nil, "behind attention")
      expect(layer.feedForwardNorm, isGemma ? norm(prefix + "pre_feedforward_layernorm") : behind, "feed-forward")
      expect(layer.feedForwardOutputNorm, norm(prefix + "post_feedforward_layernorm"), "behind feed-forward")
    }
  }

  /// The configuration with what GGUF files leave to be derived set to what it is derived from.
  private func derived(_ configuration: ModelConfiguration) -> ModelConfiguration {
    var configuration = configuration
    configuration.attentionScaleBase = configuration.attentionScaleBase ?? Double(configuration.headDimension)
    return configuration
  }

  @Test(arguments: ModelFamily.allCases, [true, false])
  func bothFormatsAndTheExportAgree(_ family: ModelFamily, _ tiedHead: Bool) throws {
    var model = SmallModel(tiedHead: tiedHead, family: family)
    try model.write(to: folder)
    let own = try ModelCheckpoint.open(folder.path)
    #expect(own.configuration.family == family)
    expectWeights(own, of: model)
    model.rotaryBase = 10000
    let path = try folder.write(model.gguf().encoded, to: "model.gguf")
    let gguf = try ModelCheckpoint.open(path)
    expectWeights(gguf, of: model)
    if family == .gemma3 {
      // The one base stands for both kinds of layers here: config.json says it of the full ones.
      #expect(own.configuration.sliding == SlidingAttention(window: 24, layers: [true, false], rotaryBase: 10000))
    }
    #expect(derived(own.configuration) == derived(gguf.configuration))
    try ModelExport(model: path, adapter: nil)
      .write(to: folder.file("exported"), as: .f32, products: Products(threads: 1))
    let exported = try ModelCheckpoint.open(folder.file("exported"))
    #expect(derived(exported.configuration) == derived(gguf.configuration))
    expectWeights(exported, of: model)
    let written = try JSON(parsing: folder.read("exported/config.json"))
    #expect(written["model_type"] == .string(family.rawValue))
    try ModelExport(model: folder.file("exported"), adapter: nil)
      .write(to: folder.file("again"), as: .f32, products: Products(threads: 1))
    #expect(try ModelCheckpoint.open(folder.file("again")).configuration == exported.configuration)
  }

  /// Llama's converter interleaves the biases of queries and keys as it does their rows.
  @Test func biasesOfAllProjections() throws {
    let names = Projection.allCases.map { "\($0.block).\($0.rawValue)" }
    let model = SmallModel(biases: names)
    try folder.write(
      model.configuration().replacing("\"extra\"", with: "\"attention_bias\": true, \"mlp_bias\": true, \"extra\""),
      to: "config.json")
    try folder.write(model.tensorFile().encoded(), to: "model.safetensors")
    expectWeights(try ModelCheckpoint.open(folder.path), of: model)
    let path = try folder.write(model.gguf().encoded, to: "model.gguf")
    expectWeights(try ModelCheckpoint.open(path), of: model)
    try ModelExport(model: path, adapter: nil)
      .write(to: folder.file("exported"), as: .f32, products: Products(threads: 1))
    expectWeights(try ModelCheckpoint.open(folder.file("exported")), of: model)
  }

  @Test func biasesThatTheFamilyCannotHave() throws {
    let some = SmallModel(biases: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"])
    let path = try folder.write(some.gguf().encoded, to: "model.gguf")
    #expect(
      failure { _ = try ModelCheckpoint.open(path) }.hasPrefix(
        "\(path): the projections with a bias are q_proj k_proj v_proj, expected none, or q_proj k_proj v_proj o_proj"))
    var qwen = SmallModel(family: .qwen2).gguf()
    qwen.tensors.removeAll { $0.name.hasSuffix(".bias") }
    try folder.write(qwen.encoded, to: "model.gguf")
    #expect(
      failure { _ = try ModelCheckpoint.open(path) }.hasSuffix(
        "the projections with a bias are none, expected q_proj k_proj v_proj"))
  }

  /// Transformers casts the root of D to the type of the embeddings.
  @Test(arguments: [("float32", Float(32).squareRoot()), ("bfloat16", 5.65625), ("float16", 5.65625)])
  func theFactorOnEmbeddingsIsRounded(_ type: String, _ factor: Float) throws {
    try SmallModel(family: .gemma3).write(to: folder, type: type)
    #expect(try ModelCheckpoint.open(folder.path).configuration.embeddingFactor == factor)
    let export = try ModelExport(model: folder.path, adapter: nil)
    #expect(export.changedEmbeddingFactor(as: export.defaultType) == nil)
    #expect(export.changedEmbeddingFactor(as: .f32) == (type == "float32" ? nil : Float(32).squareRoot()))
    #expect(export.changedEmbeddingFactor(as: .bf16) == (type == "float32" ? 5.65625 : nil))
    try SmallModel(family: .qwen3).write(to: folder, type: type)
    #expect(try ModelExport(model: folder.path, adapter: nil).changedEmbeddingFactor(as: .f16) == nil)
    #expect(try ModelCheckpoint.open(folder.path).configuration.embeddingFactor == 1)
  }

  /// The scale of attention is written as an integer only where it is one that fits.
  @Test(arguments: [(Float(0.25), "16"), (1e-10, "1e+20"), (1e-15, "1e+30")])
  func scalesBeyondIntegersAreExported(_ scale: Float, _ written: String) throws {
    var file = SmallModel(family: .gemma3).gguf()
    file.set("gemma3.attention.scale", .float(scale))
    let path = try folder.write(file.encoded, to: "model.gguf")
    try ModelExport(model: path, adapter: nil)
      .write(to: folder.file("exported"), as: .f32, products: Products(threads: 1))
    let scalar = try JSON(parsing: folder.read("exported/config.json"))["query_pre_attn_scalar"]
    let expected = try #require(Double(written))
    #expect(abs((scalar?.double ?? 0) / expected - 1) < 1e-6)
    if case .number(let digits) = scalar { #expect(digits.contains("e") == (expected > 1e18)) }
  }
}
