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
        [("A", pair.a), ("B", pair.b)].map { letter, matrix in
          (Self.name(layer: layer, projection: projection, letter: letter), matrix)
        }
      }
    }
  }

  /// A tensor's name in adapter_model.safetensors.
  static func name(layer: Int, projection: Projection, letter: String) -> String {
    "base_model.model.model.layers.\(layer).\(projection.block).\(projection.rawValue).lora_\(letter).weight"
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
  /// s = α/r.
  public let scale: Float

  /// A pair from its parts.
  public init(a: Matrix, b: Matrix, scale: Float) {
    self.a = a
    self.b = b
    self.scale = scale
  }
}

/// What adapter_config.json says.
public struct AdapterConfiguration: Sendable, Equatable {
  /// r.
  public var rank: Int
  /// α; the update is scaled by α/r.
  public var alpha: Double
  /// Share of an adapted layer's inputs that is dropped in training.
  public var dropout: Double
  /// Which projections of each layer are adapted.
  public var targets: [Projection]
  /// The model that the adapter is for, as PEFT notes it.
  public var baseModel: String

  /// A configuration from its parts.
  public init(rank: Int, alpha: Double, dropout: Double, targets: [Projection], baseModel: String) {
    self.rank = rank
    self.alpha = alpha
    self.dropout = dropout
    self.targets = targets.sorted()
    self.baseModel = baseModel
  }

  /// α/r.
  public var scale: Float { Float(alpha / Double(rank)) }
}
