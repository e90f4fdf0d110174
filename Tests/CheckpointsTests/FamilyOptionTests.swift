import Checkpoints
import TemporaryFolders
import Testing
import TinyModels

/// Options of config.json and of GGUF metadata: honoured, or refused by name.
struct FamilyOptionTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The configuration of a family's model with options added to config.json, where they stand before its own.
  private func configuration(_ family: ModelFamily, _ options: String) throws -> ModelConfiguration {
    try SmallModel(family: family).write(to: folder)
    var text = SmallModel(family: family).configuration()
    // A key stands once: an option given here takes the place of the model's own.
    for own in [
      "\"sliding_window\": 24, ", "\"sliding_window_pattern\": 2, ", "\"query_pre_attn_scalar\": 16, ",
      "\"rope_theta\": 10000.0, ", "\"head_dim\": 16, ",
    ] {
      let key = own.prefix { $0 != ":" }
      if options.contains(key) { text = text.replacing(own, with: "") }
    }
    try folder.write(text.replacing("\"extra\"", with: options + ", \"extra\""), to: "config.json")
    return try ModelCheckpoint.open(folder.path).configuration
  }

  private func refusal(_ family: ModelFamily, _ options: String) -> String {
    let text = failure { _ = try configuration(family, options) }
    let path = folder.path + "/config.json: "
    return text.hasPrefix(path) ? String(text.dropFirst(path.count)) : text
  }

  // MARK: Windows

  @Test func mistralSlidesEverywhereUnlessNullSaysOtherwise() throws {
    #expect(try configuration(.mistral, "\"x\": 0").sliding == SlidingAttention(window: 24, layers: [true, true]))
    #expect(try configuration(.mistral, "\"sliding_window\": null").sliding == nil)
    #expect(try configuration(.llama, "\"sliding_window\": 7").sliding == nil, "llama has no windows")
    for window in [0, -1, Int.max] {
      #expect(
        refusal(.mistral, "\"sliding_window\": \(window)")
          == "the sliding window is \(window), expected 1 to 1073741824")
    }
    #expect(
      refusal(.mistral, "\"layer_types\": [\"full_attention\", \"full_attention\"]").hasPrefix("\"layer_types\" is"))
  }

  @Test func mistralHasAWindowOfItsClassWithoutTheKey() throws {
    let text = SmallModel(family: .mistral).configuration().replacing("\"sliding_window\": 24, ", with: "")
    try SmallModel(family: .mistral).write(to: folder)
    try folder.write(text, to: "config.json")
    let checkpoint = try ModelCheckpoint.open(folder.path)
    #expect(checkpoint.configuration.window(layer: 1) == 4096)
  }

  @Test(arguments: [ModelFamily.qwen2, .qwen3]) func qwenSlidesOnlyIfItSaysSo(_ family: ModelFamily) throws {
    let used = "\"use_sliding_window\": true, \"sliding_window\": 9"
    #expect(try configuration(family, "\"sliding_window\": 9, \"max_window_layers\": 0").sliding == nil)
    #expect(try configuration(family, used).sliding == nil, "from layer 28 on")
    #expect(
      try configuration(family, used + ", \"max_window_layers\": 1").sliding
        == SlidingAttention(window: 9, layers: [false, true]))
    let types = "\"layer_types\": [\"sliding_attention\", \"full_attention\"]"
    #expect(
      try configuration(family, used + ", " + types).sliding == SlidingAttention(window: 9, layers: [true, false]))
    #expect(
      refusal(family, types) == "\"layer_types\" names sliding layers, but no sliding window is used")
    #expect(
      refusal(family, used + ", \"layer_types\": [\"full_attention\"]")
        == "\"layer_types\" has no 2 elements, one for each layer")
    #expect(
      refusal(family, used + ", \"layer_types\": [\"full_attention\", \"chunked_attention\"]").hasPrefix(
        "\"layer_types\" names \"chunked_attention\", expected "))
  }

  @Test func gemmaSlidesByPatternOrByName() throws {
    #expect(try configuration(.gemma3, "\"x\": 0").sliding?.layers == [true, false])
    #expect(try configuration(.gemma3, "\"sliding_window_pattern\": 6").sliding?.layers == [true, true])
    #expect(try configuration(.gemma3, "\"sliding_window_pattern\": 1").sliding == nil)
    let types = "\"layer_types\": [\"full_attention\", \"sliding_attention\"]"
    #expect(try configuration(.gemma3, types).sliding?.layers == [false, true])
    #expect(refusal(.gemma3, "\"sliding_window_pattern\": 0") == "\"sliding_window_pattern\" is 0")
    #expect(refusal(.gemma3, "\"sliding_window\": null").hasPrefix("\"sliding_window\" is null, though"))
  }

  // MARK: Rotary embedding and scale

  @Test(arguments: [
    "\"rope_theta\": 500.0, \"rope_local_base_freq\": 70, \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8}",
    """
    "rope_theta": 1, "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 500}, \
    "sliding_attention": {"rope_type": "default", "rope_theta": 70}}
    """,
  ])
  func gemmaSpellsItsRotaryEmbeddingsInTwoWays(_ options: String) throws {
    let c = try configuration(.gemma3, options)
    #expect(c.rotaryBase == 500 && c.rotaryScaling == .linear(factor: 8) && c.sliding?.rotaryBase == 70)
    // θ^(−2i/16): entry 4 is the base's square root, stretched in full layers only.
    #expect(abs(c.rotaryFrequencies[4] * 8 * Float(500).squareRoot() - 1) < 1e-6)
    #expect(abs((c.slidingRotaryFrequencies?[4] ?? 0) * Float(70).squareRoot() - 1) < 1e-6)
  }

  @Test func gemmasDefaults() throws {
    let c = try configuration(.gemma3, "\"rope_theta\": null, \"query_pre_attn_scalar\": null, \"sliding_window\": 5")
    #expect(c.rotaryBase == 1e6 && c.sliding?.rotaryBase == 1e4)
    #expect(c.attentionScale == 1 / 16 && c.activation == .geluTanh)
    #expect(try configuration(.gemma3, "\"query_pre_attn_scalar\": 100").attentionScale == 1 / Float(10))
    #expect(refusal(.gemma3, "\"query_pre_attn_scalar\": 0").hasPrefix("attention is scaled by the root of 0.0"))
  }

  @Test func linearScalingInAnyFamily() throws {
    for options in [
      "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 4.0}",
      "\"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 4.0, \"rope_theta\": 10000}",
    ] {
      let c = try configuration(.qwen3, options)
      #expect(c.rotaryScaling == .linear(factor: 4) && c.rotaryFrequencies[0] == 0.25)
    }
    #expect(
      refusal(.llama, "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}") == "the rotary scaling's factor is 0.0"
    )
    #expect(
      refusal(.qwen2, "\"rope_parameters\": {\"full_attention\": {}}")
        == "\"rope_parameters\" differs by kind of layer, expected one for all")
    #expect(refusal(.gemma3, "\"rope_parameters\": {\"rope_type\": \"default\"}").contains("has neither"))
    let stretched = "{\"sliding_attention\": {\"rope_type\": \"linear\", \"factor\": 2}}"
    #expect(refusal(.gemma3, "\"rope_parameters\": " + stretched).hasPrefix("the rotary embedding of sliding layers"))
  }

  @Test(arguments: ModelFamily.allCases) func optionsThatAreRefused(_ family: ModelFamily) throws {
    for type in ["yarn", "dynamic", "longrope"] {
      #expect(
        refusal(family, "\"rope_scaling\": {\"rope_type\": \"\(type)\"}")
          == "rotary scaling of type \"\(type)\", expected \"default\", \"linear\" or \"llama3\"")
    }
    #expect(
      refusal(family, "\"partial_rotary_factor\": 0.5") == "\"partial_rotary_factor\" is 0.5, expected 1")
    for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
      #expect(refusal(family, "\"\(key)\": 30.0") == "\"\(key)\" is 30.0, expected null")
    }
    #expect(refusal(family, "\"is_causal\": false") == "\"is_causal\" is false, expected true")
    let key = family == .gemma3 ? "hidden_activation" : "hidden_act"
    #expect(
      refusal(family, "\"\(key)\": \"relu\"") == "\"\(key)\" is \"relu\", expected \"silu\" or \"gelu_pytorch_tanh\"")
  }

  @Test func gemmaLooksBackOnly() {
    #expect(
      refusal(.gemma3, "\"use_bidirectional_attention\": true")
        == "\"use_bidirectional_attention\" is true, expected false")
  }

  @Test func tensorsThatNobodyReadsAreNamed() throws {
    let model = SmallModel(family: .qwen3)
    try model.write(to: folder)
    try folder.write(
      model.configuration().replacing("qwen3", with: "llama"), to: "config.json")
    #expect(
      failure { _ = try ModelCheckpoint.open(folder.path) }
        == "\(folder.path): the tensor model.layers.0.self_attn.k_norm.weight is there, which this architecture is not "
        + "read with")
    var file = model.gguf()
    file.tensors.append(
      GGUFWriter.Tensor(name: "blk.1.ffn_gate_inp.weight", dimensions: [1], type: 0, bytes: [0, 0, 0, 0]))
    let path = try folder.write(file.encoded, to: "model.gguf")
    #expect(
      failure { _ = try ModelCheckpoint.open(path) }
        == "\(path): the tensor blk.1.ffn_gate_inp.weight is there, which this architecture is not read with")
  }

  // MARK: GGUF

  private func gguf(_ family: ModelFamily, _ change: (inout GGUFWriter) -> Void) throws -> ModelConfiguration {
    var file = SmallModel(family: family).gguf(vocabulary: false)
    change(&file)
    return try ModelCheckpoint.open(folder.write(file.encoded, to: "model.gguf")).configuration
  }

  private func refusal(_ family: ModelFamily, _ key: String, _ value: GGUFWriter.Value) -> String {
    let text = failure { _ = try gguf(family) { $0.set(key, value) } }
    let path = folder.file("model.gguf") + ": "
    return text.hasPrefix(path) ? String(text.dropFirst(path.count)) : text
  }

  @Test func metadataOfGemma() throws {
    let plain = try gguf(.gemma3) {
      $0.set("gemma3.attention.sliding_window_pattern", nil)
      $0.set("gemma3.rope.freq_base", nil)
    }
    #expect(plain.sliding == SlidingAttention(window: 24, layers: [true, true], rotaryBase: 1e4))
    #expect(plain.rotaryBase == 1e6 && plain.attentionScale == 0.25 && plain.activation == .geluTanh)
    #expect(plain.embeddingFactor == Float(32).squareRoot() && plain.tiedHead)
    let other = try gguf(.gemma3) {
      $0.set("gemma3.attention.sliding_window_pattern", .raw(9, [7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1]))
      $0.set("gemma3.rope.freq_base_swa", .float(50))
      $0.set("gemma3.attention.scale", .float(0.125))
      $0.set("gemma3.rope.scaling.type", .string("linear"))
      $0.set("gemma3.rope.scaling.factor", .float(8))
    }
    #expect(other.sliding == SlidingAttention(window: 24, layers: [false, true], rotaryBase: 50))
    #expect(other.rotaryScaling == .linear(factor: 8) && other.attentionScale == 0.125)
    #expect(try gguf(.gemma3) { $0.set("gemma3.attention.sliding_window", nil) }.sliding == nil)
    #expect(
      refusal(.gemma3, "gemma3.attention.sliding_window_pattern", .integers([1]))
        == "gemma3.attention.sliding_window_pattern has 1 elements, expected 2, one for each layer")
    #expect(
      refusal(.gemma3, "gemma3.attention.value_length", .unsigned(8))
        == "gemma3.attention.value_length is 8, expected 16 as of the keys")
  }

  /// Windows make a llama of GGUF a mistral; the key without a type means linear scaling.
  @Test func metadataOfTheOthers() throws {
    #expect(try gguf(.llama) { $0.set("llama.attention.sliding_window", .unsigned(0)) }.family == .llama)
    #expect(try gguf(.mistral) { _ in }.sliding == SlidingAttention(window: 24, layers: [true, true]))
    #expect(try gguf(.qwen2) { $0.set("qwen2.rope.scaling.factor", .float(2)) }.rotaryScaling == .linear(factor: 2))
    #expect(
      try gguf(.qwen3) {
        $0.set("qwen3.rope.scaling.type", .string("none"))
        $0.set("qwen3.rope.scaling.factor", .float(2))
      }.rotaryScaling == .none)
    #expect(
      refusal(.qwen2, "qwen2.attention.sliding_window", .unsigned(9))
        == "qwen2.attention.sliding_window is 9, and nothing says which layers slide")
    for (key, value) in [("expert_count", GGUFWriter.Value.unsigned(8)), ("final_logit_softcapping", .float(30))] {
      #expect(refusal(.qwen3, "qwen3." + key, value).hasSuffix("which this architecture is not read with"))
    }
    #expect(refusal(.qwen2, "qwen2.attention.scale", .float(0.1)).hasSuffix("which this architecture is not read with"))
    #expect(
      refusal(.llama, "llama.attention.causal", .bool(false)) == "llama.attention.causal is false, expected true")
    #expect(
      refusal(.qwen2, "qwen2.rope.scaling.type", .string("yarn"))
        == "rotary scaling of type \"yarn\", expected none, \"linear\" or the factors of Llama 3.1")
    #expect(
      refusal(.llama, "llama.rope.scaling.attn_factor", .float(2))
        == "llama.rope.scaling.attn_factor is 2.0, expected 1")
  }
}
