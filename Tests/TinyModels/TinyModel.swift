import Checkpoints
import Kernels
import Records
import TemporaryFolders
import Tensors

/// A model of any family with random weights, small enough for plain loops, in a Hugging Face directory that goes with the last copy.
public struct TinyModel: Sendable {
  /// The numbers of config.json.
  public struct Shape: Sendable {
    /// Tokens: three ChatML specials and the 256 bytes, unless set otherwise.
    public var vocabularySize = TinyTokenizer.vocabulary.count
    /// D.
    public var hiddenSize = 32
    /// F.
    public var intermediateSize = 44
    /// Decoder layers.
    public var layers = 2
    /// Query heads.
    public var heads = 4
    /// Key and value heads.
    public var keyHeads = 2
    /// d, size of a head; need not be D / heads.
    public var headDimension = 6
    /// Whether the head is the embedding matrix.
    public var tiedHead = true
    /// θ.
    public var rotaryBase = 10000.0
    /// `.none`, `.linear` or `.llama3`.
    public var rotaryScaling = RotaryScaling.none
    /// ε of the norms.
    public var normEpsilon = 1e-5
    /// Factor on the rows of a head that is not tied: above 1 the model is surer of itself.
    public var headStretch: Float = 1
    /// How the weights are stored: F32, F16 or BF16.
    public var elementType = ElementType.float32
    /// The family, with all that it has beyond llama.
    public var family = ModelFamily.llama
    /// Positions that a sliding layer sees, in the families that have such layers.
    public var slidingWindow: Int?
    /// For each layer whether it slides.
    public var slidingLayers: [Bool] = []
    /// θ of gemma's sliding layers.
    public var slidingRotaryBase = 10000.0
    /// What gemma's attention is scaled by the root of.
    public var attentionScaleBase = 24.0

    /// The default shape: two layers, grouped queries, nothing a multiple of sixteen but D.
    public init() {}

    /// Values of each projection, [out, in].
    public func shape(of projection: Projection) -> [Int] {
      switch projection {
      case .query: [heads * headDimension, hiddenSize]
      case .key, .value: [keyHeads * headDimension, hiddenSize]
      case .output: [hiddenSize, heads * headDimension]
      case .gate, .up: [intermediateSize, hiddenSize]
      case .down: [hiddenSize, intermediateSize]
      }
    }

    /// Projections with a bias.
    public var biases: [Projection] { family == .qwen2 ? [.query, .key, .value] : [] }
    /// Whether the heads of queries and keys have norms.
    public var hasHeadNorms: Bool { family == .qwen3 || family == .gemma3 }
    /// Whether it is the family whose norms multiply by 1 + w, among other things.
    public var isGemma: Bool { family == .gemma3 }

    /// Names and shapes of all tensors.
    public var tensors: [(name: String, shape: [Int])] {
      var result = [("model.embed_tokens.weight", [vocabularySize, hiddenSize]), ("model.norm.weight", [hiddenSize])]
      if !tiedHead { result.append(("lm_head.weight", [vocabularySize, hiddenSize])) }
      for layer in 0..<layers {
        let prefix = "model.layers.\(layer)."
        result.append((prefix + "input_layernorm.weight", [hiddenSize]))
        result.append((prefix + "post_attention_layernorm.weight", [hiddenSize]))
        for projection in Projection.allCases {
          result.append(("\(prefix)\(projection.block).\(projection.rawValue).weight", shape(of: projection)))
        }
        for projection in biases {
          let name = "\(prefix)\(projection.block).\(projection.rawValue).bias"
          result.append((name, [shape(of: projection)[0]]))
        }
        if hasHeadNorms {
          for name in ["q_norm", "k_norm"] { result.append(("\(prefix)self_attn.\(name).weight", [headDimension])) }
        }
        if isGemma {
          for name in ["pre", "post"] { result.append(("\(prefix)\(name)_feedforward_layernorm.weight", [hiddenSize])) }
        }
      }
      return result
    }
  }

  /// The model's shape.
  public let shape: Shape
  /// What the files hold, by tensor name, row after row.
  public let weights: [String: [Float]]
  private let folder: TemporaryFolder

  /// The Hugging Face directory.
  public var path: String { folder.path }

  /// Writes a model.
  /// - Parameters:
  ///   - seed: decides the weights.
  ///   - hasTokenizer: whether tokenizer.json and tokenizer_config.json are written too.
  public init(_ shape: Shape = Shape(), seed: UInt64 = 1, hasTokenizer: Bool = false) throws {
    self.shape = shape
    folder = try TemporaryFolder()
    var generator = SplitMix64(seed: seed)
    var weights: [String: [Float]] = [:]
    var file = TensorFile(metadata: ["format": "pt"])
    for (name, dimensions) in shape.tensors {
      let count = dimensions.reduce(1, *)
      // Norms stay near what leaves numbers alone; a matrix's outputs are about as large as its inputs.
      let neutral: Float = shape.isGemma || name.hasSuffix(".bias") ? 0 : 1
      let stretch = name == "lm_head.weight" ? shape.headStretch : 1
      let values =
        dimensions.count == 1
        ? generator.normals(count, scale: 0.2, mean: neutral)
        : generator.normals(count, scale: stretch * 1.2 / Float(dimensions[1]).squareRoot())
      let tensor = try Self.stored(values, dimensions, shape.elementType)
      weights[name] = try tensor.floats()
      file[name] = tensor
    }
    self.weights = weights
    try folder.write(file.encoded(), to: "model.safetensors")
    try folder.write(Array(Self.configuration(shape).indentedText.utf8), to: "config.json")
    if hasTokenizer {
      try folder.write(Array(TinyTokenizer.tokenizer.indentedText.utf8), to: "tokenizer.json")
      try folder.write(Array(TinyTokenizer.configuration.indentedText.utf8), to: "tokenizer_config.json")
    }
  }

  private static func stored(_ values: [Float], _ shape: [Int], _ type: ElementType) throws -> Tensor {
    switch type {
    case .float16: Tensor(float16: values, shape: shape)
    case .bfloat16:
      try Tensor(
        elementType: .bfloat16, shape: shape,
        bytes: values.flatMap { value -> [UInt8] in
          let bits = value.bitPattern >> 16
          return [UInt8(bits & 255), UInt8(bits >> 8)]
        })
    default: Tensor(values, shape: shape)
    }
  }

  private static func configuration(_ shape: Shape) -> JSON {
    var scaling = JSON.null
    if case .llama3(let factor, let low, let high, let original) = shape.rotaryScaling {
      scaling = .object([
        "rope_type": .string("llama3"), "factor": .double(factor), "low_freq_factor": .double(low),
        "high_freq_factor": .double(high), "original_max_position_embeddings": .double(original),
      ])
    }
    if case .linear(let factor) = shape.rotaryScaling {
      scaling = .object(["rope_type": .string("linear"), "factor": .double(factor)])
    }
    let common = JSON.object([
      "architectures": .array([.string("LlamaForCausalLM")]), "attention_bias": .bool(false),
      "bos_token_id": .integer(Int(TinyTokenizer.startOfTurn)), "eos_token_id": .integer(Int(TinyTokenizer.endOfTurn)),
      "head_dim": .integer(shape.headDimension), "hidden_size": .integer(shape.hiddenSize),
      "intermediate_size": .integer(shape.intermediateSize), "max_position_embeddings": .integer(2048),
      "mlp_bias": .bool(false), "model_type": .string(shape.family.rawValue),
      "num_attention_heads": .integer(shape.heads), "num_hidden_layers": .integer(shape.layers),
      "num_key_value_heads": .integer(shape.keyHeads), "rms_norm_eps": .double(shape.normEpsilon),
      "rope_scaling": scaling, "rope_theta": .double(shape.rotaryBase), "tie_word_embeddings": .bool(shape.tiedHead),
      "vocab_size": .integer(shape.vocabularySize),
      "sliding_window": shape.slidingWindow.map { .integer($0) } ?? .null,
    ])
    return .object((common.members ?? []) + own(shape))
  }

  /// What the family's config.json has of its own.
  private static func own(_ shape: Shape) -> [JSON.Member] {
    let kinds = JSON.array(shape.slidingLayers.map { .string($0 ? "sliding_attention" : "full_attention") })
    switch shape.family {
    case .llama, .mistral: return []
    case .qwen2, .qwen3:
      guard shape.slidingWindow != nil else { return [] }
      return [JSON.Member("use_sliding_window", .bool(true)), JSON.Member("layer_types", kinds)]
    case .gemma3:
      return [
        JSON.Member("layer_types", kinds), JSON.Member("rope_local_base_freq", .double(shape.slidingRotaryBase)),
        JSON.Member("query_pre_attn_scalar", .double(shape.attentionScaleBase)),
      ]
    }
  }

  /// The model as the tools open it.
  public func checkpoint() throws -> ModelCheckpoint { try ModelCheckpoint.open(path) }

  /// An adapter whose matrices are all random, B too, so that every gradient is alive.
  public func adapter(
    rank: Int = 3, alpha: Double = 6, dropout: Double = 0, targets: [Projection] = Projection.allCases,
    seed: UInt64 = 2
  ) -> Adapter {
    var generator = SplitMix64(seed: seed)
    let configuration = AdapterConfiguration(
      rank: rank, alpha: alpha, dropout: dropout, targets: targets, baseModel: path)
    let layers = (0..<shape.layers).map { _ in
      var pairs: [Projection: LowRankPair] = [:]
      for projection in configuration.targets {
        let dimensions = shape.shape(of: projection)
        pairs[projection] = LowRankPair(
          a: generator.matrix(rank, dimensions[1], scale: 1 / Float(dimensions[1]).squareRoot()),
          b: generator.matrix(dimensions[0], rank, scale: 0.25), scale: configuration.scale)
      }
      return pairs
    }
    return Adapter(configuration: configuration, layers: layers)
  }
}
