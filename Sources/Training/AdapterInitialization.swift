import Checkpoints
import Kernels

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator whose whole state is its seed.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A generator from a seed.
  public init(seed: UInt64) { state = seed }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number in [0, 1) with 24 random bits.
  mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }
}

extension Adapter {
  /// A fresh adapter: A uniform in ±1/√in, B zero, so that it changes nothing until it is trained.
  public static func initialized(
    _ configuration: AdapterConfiguration, for model: ModelConfiguration, seed: UInt64
  ) -> Adapter {
    var generator = SplitMix64(seed: seed)
    let layers = (0..<model.layers).map { _ in
      var pairs: [Projection: LowRankPair] = [:]
      for projection in configuration.targets {
        let shape = model.shape(of: projection)
        let bound = 1 / Float(shape.columns).squareRoot()
        let values = (0..<configuration.rank * shape.columns).map { _ in (2 * generator.unit() - 1) * bound }
        pairs[projection] = LowRankPair(
          a: Matrix(rows: configuration.rank, columns: shape.columns, values),
          b: Matrix(rows: shape.rows, columns: configuration.rank), scale: configuration.scale)
      }
      return pairs
    }
    return Adapter(configuration: configuration, layers: layers)
  }
}
