import Kernels

/// A low-rank adapter (LoRA, Hu et al., arXiv 2106.09685): y = W·x + s·B·(A·x) for each adapted projection.
public struct Adapter: Sendable {
  /// Rank, scale and targets.
  public var configuration: AdapterConfiguration
  /// For each layer the adapted projections.
  public var layers: [[Projection: LowRankPair]]

  /// An adapter from its parts.
  public init(configuration: AdapterConfiguration, layers: [[Projection: LowRankPair]]) {
    self.configuration = configuration
    self.layers = layers
  }

  /// The trainable matrices with their names in PEFT files, in a fixed order.
  public var parameters: [(name: String, matrix: Matrix)] {
    layers.enumerated().flatMap { layer, pairs in
      pairs.sorted { $0.key < $1.key }.flatMap { projection, pair in
        [(AdapterTensorName.Letter.a, pair.a), (.b, pair.b)].map { letter, matrix in
          (Self.name(layer: layer, projection: projection, letter: letter), matrix)
        }
      }
    }
  }

  /// A tensor's name in adapter_model.safetensors.
  static func name(layer: Int, projection: Projection, letter: AdapterTensorName.Letter) -> String {
    "base_model.model.\(module(layer: layer, projection: projection)).lora_\(letter.rawValue).weight"
  }

  /// A projection's name in transformers' models, which patterns and `target_modules` go by.
  static func module(layer: Int, projection: Projection) -> String {
    "model.layers.\(layer).\(projection.block).\(projection.rawValue)"
  }

  /// An adapter of the same shape with every entry zero, for gradients and moments.
  public func zeros() -> Adapter {
    let zeros = layers.map { pairs in
      pairs.mapValues { pair in
        LowRankPair(
          a: Matrix(rows: pair.a.rows, columns: pair.a.columns), b: Matrix(rows: pair.b.rows, columns: pair.b.columns),
          scale: pair.scale)
      }
    }
    return Adapter(configuration: configuration, layers: zeros)
  }
}

/// The two factors of one projection's update.
public struct LowRankPair: Sendable {
  /// A, [r, in].
  public let a: Matrix
  /// B, [out, r].
  public let b: Matrix
  /// s = α/r, or what the adapter's configuration makes of them.
  public let scale: Float

  /// A pair from its parts.
  public init(a: Matrix, b: Matrix, scale: Float) {
    self.a = a
    self.b = b
    self.scale = scale
  }
}
