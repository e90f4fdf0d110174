import Kernels
import Records

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Gemma 3, text only: embeddings times √D, norms of the heads and behind both halves of a layer, GELU, and sliding
/// windows with a rotary base of their own in five layers of six.
struct Gemma3Family: FamilyRules {
  let className = "Gemma3ForCausalLM"
  let ggufArchitecture = "gemma3"
  /// Norms multiply by 1 + w; GGUF files have the 1 in their weights already.
  let normOffset: Float = 1
  let defaults = ConfigurationDefaults(
    keyHeads: 4, headDimension: 256, tiedHead: true, activationKey: "hidden_activation",
    activation: "gelu_pytorch_tanh")

  private static let rotaryBase = 1_000_000.0
  private static let slidingRotaryBase = 10_000.0
  /// One layer of so many sees everything.
  private static let period = 6

  func name(of norm: LayerNorm) -> String {
    switch norm {
    case .attention: "input_layernorm"
    case .query: "self_attn.q_norm"
    case .key: "self_attn.k_norm"
    case .attentionOutput: "post_attention_layernorm"
    case .feedForward: "pre_feedforward_layernorm"
    case .feedForwardOutput: "post_feedforward_layernorm"
    }
  }

  private func configure(_ c: inout ModelConfiguration) {
    c.hasHeadNorms = true
    c.hasOutputNorms = true
    c.embeddingFactor = Float(c.hiddenSize).squareRoot()
  }

  // MARK: Hugging Face

  func configure(_ c: inout ModelConfiguration, from file: JSONFile) throws(CheckpointError) {
    configure(&c)
    if try file.bool("attention_bias") == true { c.biases = .attention }
    if try file.bool("use_bidirectional_attention") == true {
      throw CheckpointError(file.path, "\"use_bidirectional_attention\" is true, expected false")
    }
    c.attentionScaleBase = try file.double("query_pre_attn_scalar") ?? 256
    let period = try file.integer("sliding_window_pattern") ?? Self.period
    guard period > 0 else { throw CheckpointError(file.path, "\"sliding_window_pattern\" is \(period)") }
    let named = try file.slidingLayers(count: c.layers)
    let layers = named ?? SlidingAttention.layers(c.layers, fullEvery: period)
    let base = try rotary(&c, file)
    guard layers.contains(true) else { return }
    guard let window = try file.slidingWindow() else {
      throw CheckpointError(file.path, "\"sliding_window\" is null, though there are sliding layers")
    }
    c.sliding = SlidingAttention(window: window, layers: layers, rotaryBase: base)
  }

  /// `rope_parameters` with a part for each kind of layer, or `rope_theta`, `rope_scaling` and `rope_local_base_freq`.
  /// - Returns: θ of the sliding layers.
  private func rotary(_ c: inout ModelConfiguration, _ file: JSONFile) throws(CheckpointError) -> Double {
    c.rotaryBase = try file.double("rope_theta") ?? Self.rotaryBase
    c.rotaryScaling = try file.object("rope_scaling")?.rotaryScaling() ?? RotaryScaling.none
    var slidingBase = try file.double("rope_local_base_freq") ?? Self.slidingRotaryBase
    guard let parameters = try file.object("rope_parameters") else { return slidingBase }
    let full = try parameters.object("full_attention")
    let sliding = try parameters.object("sliding_attention")
    guard full != nil || sliding != nil else {
      throw CheckpointError(
        file.path, "\"rope_parameters\" has neither \"full_attention\" nor \"sliding_attention\"")
    }
    if let full {
      c.rotaryBase = try full.double("rope_theta") ?? c.rotaryBase
      if file["rope_scaling"] == nil { c.rotaryScaling = try full.rotaryScaling() }
    }
    if let sliding {
      slidingBase = try sliding.double("rope_theta") ?? slidingBase
      guard try sliding.rotaryScaling() == .none else {
        throw CheckpointError(file.path, "the rotary embedding of sliding layers is stretched, expected \"default\"")
      }
    }
    return slidingBase
  }

  // MARK: GGUF

  func configure(_ c: inout ModelConfiguration, from file: GGUFMetadata) throws(CheckpointError) {
    configure(&c)
    c.activation = .geluTanh
    if try file.double("rope.freq_base") == nil { c.rotaryBase = Self.rotaryBase }
    if let scale = try file.double("attention.scale"), scale != 0 {
      c.attentionScaleBase = 1 / (scale * scale)
    } else if c.layers == 62 {
      // The file does not say it: the model of 27 billion parameters, alone of all, divides by the root of D / heads.
      c.attentionScaleBase = Double(c.hiddenSize / c.heads)
    }
    guard let window = try file.integer("attention.sliding_window"), window != 0 else { return }
    let named = try file.slidingLayers(count: c.layers)
    c.sliding = SlidingAttention(
      window: window, layers: named ?? SlidingAttention.layers(c.layers, fullEvery: Self.period),
      rotaryBase: try file.double("rope.freq_base_swa") ?? Self.slidingRotaryBase)
  }

  // MARK: Export

  func members(of c: ModelConfiguration) -> [JSON.Member] {
    let base = c.attentionScaleBase ?? Double(c.headDimension)
    let whole = abs(base - base.rounded()) < 1e-3 ? Int(exactly: base.rounded()) : nil
    var members = [
      JSON.Member("attention_bias", .bool(!c.biases.isEmpty)), JSON.Member("attn_logit_softcapping", .null),
      JSON.Member("final_logit_softcapping", .null),
      JSON.Member("query_pre_attn_scalar", whole.map { .integer($0) } ?? .double(base)),
      JSON.Member("layer_types", c.layerTypes),
    ]
    if let sliding = c.sliding {
      members.append(JSON.Member("sliding_window", .integer(sliding.window)))
      members.append(JSON.Member("rope_local_base_freq", .double(sliding.rotaryBase ?? c.rotaryBase)))
    }
    return members
  }
}
