#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The shape of a decoder-only model, whatever file it came from.
public struct ModelConfiguration: Sendable, Equatable {
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
  public var rotaryFrequencies: [Float] {
    let half = headDimension / 2
    let plain = (0..<half).map { Float(1 / pow(rotaryBase, Double(2 * $0) / Double(headDimension))) }
    return rotaryScaling.scaled(plain)
  }

  /// Checks that the numbers fit together.
  /// - Throws: `CheckpointError` naming the number that does not.
  func validate(source: String) throws(CheckpointError) {
    let sizes = [
      ("hidden size", hiddenSize), ("intermediate size", intermediateSize), ("number of layers", layers),
      ("number of attention heads", heads), ("number of key-value heads", keyHeads), ("head dimension", headDimension),
      ("vocabulary size", vocabularySize),
    ]
    for (name, size) in sizes where size <= 0 || size > 1 << 24 {
      throw CheckpointError(source, "the \(name) is \(size)")
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
    guard rotaryBase > 0, rotaryBase.isFinite else { throw CheckpointError(source, "the rotary base is \(rotaryBase)") }
  }
}

/// How rotary frequencies are stretched for contexts longer than those of pre-training.
public enum RotaryScaling: Sendable, Equatable {
  case none
  /// Llama 3.1: low frequencies are divided by `factor`, high ones kept, those between blended.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Double)
  /// Each frequency is divided by its own factor, as GGUF files store the Llama 3.1 scaling.
  case divisors([Float])

  func scaled(_ frequencies: [Float]) -> [Float] {
    switch self {
    case .none: return frequencies
    case .divisors(let divisors): return zip(frequencies, divisors).map { $0 / $1 }
    case .llama3(let factor, let low, let high, let original):
      return frequencies.map { frequency in
        let wavelength = 2 * Double.pi / Double(frequency)
        if wavelength < original / high { return frequency }
        if wavelength > original / low { return Float(Double(frequency) / factor) }
        let smooth = (original / wavelength - low) / (high - low)
        return Float((1 - smooth) * Double(frequency) / factor + smooth * Double(frequency))
      }
    }
  }
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

  /// The order of the forward pass.
  public static func < (left: Projection, right: Projection) -> Bool {
    (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
  }
}
