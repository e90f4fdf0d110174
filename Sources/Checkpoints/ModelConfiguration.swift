#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Kernels

/// The shape of a decoder-only model, whatever file it came from. What a family may vary is llama's until it is set.
public struct ModelConfiguration: Sendable, Equatable {
  /// The family that the model belongs to.
  public var family: ModelFamily
  /// Size D of the residual stream.
  public var hiddenSize: Int
  /// Size F of the feed-forward layer.
  public var intermediateSize: Int
  /// Decoder layers.
  public var layers: Int
  /// Query heads.
  public var heads: Int
  /// Key and value heads; divides `heads`.
  public var keyHeads: Int
  /// Size of a head.
  public var headDimension: Int
  /// Tokens in the vocabulary, V.
  public var vocabularySize: Int
  /// Positions that the model was trained for.
  public var contextLength: Int
  /// ε of the norms.
  public var normEpsilon: Float
  /// θ of the rotary embedding.
  public var rotaryBase: Double
  /// How the rotary frequencies are stretched for long contexts.
  public var rotaryScaling: RotaryScaling
  /// Whether the head that makes the logits is the embedding matrix.
  public var tiedHead: Bool
  /// What the feed-forward gate goes through.
  public var activation = GateActivation.silu
  /// Factor on the embeddings.
  public var embeddingFactor: Float = 1
  /// What the scale of attention is the reciprocal root of, where it is not the size of a head.
  public var attentionScaleBase: Double?
  /// Layers that see only the nearest positions; nil if all see everything.
  public var sliding: SlidingAttention?
  /// Projections with a bias.
  public var biases: Set<Projection> = []
  /// Whether each head of queries and keys goes through a norm before it is rotated.
  public var hasHeadNorms = false
  /// Whether what attention and feed-forward give goes through a norm before it is added to the stream.
  public var hasOutputNorms = false

  /// Factor on the products of queries and keys.
  public var attentionScale: Float { 1 / Float(attentionScaleBase ?? Double(headDimension)).squareRoot() }

  /// Positions that a query of a layer sees, its own and those nearest before it; nil for all.
  public func window(layer: Int) -> Int? { sliding.flatMap { $0.layers[layer] ? $0.window : nil } }

  /// The norms of a layer, in the order of the forward pass.
  var norms: [LayerNorm] {
    LayerNorm.allCases.filter { norm in
      switch norm {
      case .attention, .feedForward: true
      case .query, .key: hasHeadNorms
      case .attentionOutput, .feedForwardOutput: hasOutputNorms
      }
    }
  }

  /// Floats of a norm's weight.
  func size(of norm: LayerNorm) -> Int {
    switch norm {
    case .query, .key: headDimension
    case .attention, .attentionOutput, .feedForward, .feedForwardOutput: hiddenSize
    }
  }

  /// Output and input features of a projection, [out, in].
  public func shape(of projection: Projection) -> (rows: Int, columns: Int) {
    switch projection {
    case .query: (heads * headDimension, hiddenSize)
    case .key, .value: (keyHeads * headDimension, hiddenSize)
    case .output: (hiddenSize, heads * headDimension)
    case .gate, .up: (intermediateSize, hiddenSize)
    case .down: (hiddenSize, intermediateSize)
    }
  }

  /// Rotary frequencies, radians per position, half a head of them: θ^(−2i/d), scaled.
  public var rotaryFrequencies: [Float] { rotaryScaling.scaled(plainFrequencies(rotaryBase)) }

  /// The rotary frequencies of the sliding layers where they have others; nil if not.
  public var slidingRotaryFrequencies: [Float]? { sliding?.rotaryBase.map(plainFrequencies) }

  private func plainFrequencies(_ base: Double) -> [Float] {
    (0..<headDimension / 2).map { Float(1 / pow(base, Double(2 * $0) / Double(headDimension))) }
  }

  /// Checks that the numbers fit together.
  /// - Throws: `CheckpointError` naming the number that does not.
  func validate(source: String) throws(CheckpointError) {
    let sizes = [
      ("hidden size", hiddenSize), ("intermediate size", intermediateSize),
      ("number of attention heads", heads), ("number of key-value heads", keyHeads), ("head dimension", headDimension),
      ("vocabulary size", vocabularySize),
    ]
    for (name, size) in sizes where size <= 0 || size > 1 << 24 {
      throw CheckpointError(source, "the \(name) is \(size), expected 1 to \(1 << 24)")
    }
    // Memory is set aside for this many before the first of them is looked for.
    guard (1...4096).contains(layers) else {
      throw CheckpointError(source, "the number of layers is \(layers), expected 1 to 4096")
    }
    guard heads * headDimension <= 1 << 24 else {
      throw CheckpointError(source, "\(heads) attention heads of \(headDimension) are more than \(1 << 24)")
    }
    guard heads % keyHeads == 0 else {
      throw CheckpointError(source, "\(heads) attention heads cannot share \(keyHeads) key-value heads evenly")
    }
    guard headDimension % 2 == 0 else {
      throw CheckpointError(source, "the head dimension is \(headDimension), expected an even number")
    }
    guard normEpsilon >= 0, normEpsilon < 1 else {
      throw CheckpointError(source, "the norm's epsilon is \(normEpsilon)")
    }
    for base in [rotaryBase, sliding?.rotaryBase ?? 1] where !(base > 0 && base.isFinite) {
      throw CheckpointError(source, "the rotary base is \(base)")
    }
    if let window = sliding?.window, window < 1 || window > 1 << 30 {
      throw CheckpointError(source, "the sliding window is \(window), expected 1 to \(1 << 30)")
    }
    if let base = attentionScaleBase, !(base > 0 && base.isFinite) {
      throw CheckpointError(source, "attention is scaled by the root of \(base), expected a positive number")
    }
  }
}

/// Layers whose queries see only the nearest positions.
public struct SlidingAttention: Sendable, Equatable {
  /// Positions that a query sees, its own included.
  public var window: Int
  /// For each layer of the model whether it is one of them.
  public var layers: [Bool]
  /// θ of their rotary embedding, which is not stretched; nil if it is that of all layers.
  public var rotaryBase: Double?

  /// Sliding layers from their parts.
  public init(window: Int, layers: [Bool], rotaryBase: Double? = nil) {
    self.window = window
    self.layers = layers
    self.rotaryBase = rotaryBase
  }

  /// Every layer slides but each `period`-th.
  static func layers(_ count: Int, fullEvery period: Int) -> [Bool] {
    (0..<count).map { period == 0 || ($0 + 1) % period != 0 }
  }
}

/// The norms of a decoder layer, in the order of the forward pass.
enum LayerNorm: CaseIterable {
  /// Before attention.
  case attention
  /// Of each head of the queries, before they are rotated.
  case query
  /// Of each head of the keys, likewise.
  case key
  /// Of what attention gives, before it is added to the stream.
  case attentionOutput
  /// Before the feed-forward block.
  case feedForward
  /// Of what the feed-forward block gives.
  case feedForwardOutput
}

/// The linear layers of a decoder layer, by their names in Hugging Face models.
public enum Projection: String, Sendable, CaseIterable, Comparable {
  case query = "q_proj"
  case key = "k_proj"
  case value = "v_proj"
  case output = "o_proj"
  case gate = "gate_proj"
  case up = "up_proj"
  case down = "down_proj"

  /// The block that the projection belongs to, as tensor names have it.
  public var block: String {
    switch self {
    case .query, .key, .value, .output: "self_attn"
    case .gate, .up, .down: "mlp"
    }
  }

  /// Whether it belongs to the attention block.
  public var isAttention: Bool { block == "self_attn" }

  /// Its place in the order of the forward pass.
  var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  /// The order of the forward pass.
  public static func < (left: Projection, right: Projection) -> Bool { left.index < right.index }
}
