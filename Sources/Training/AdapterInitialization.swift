import Checkpoints
import Kernels

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
        let values = (0..<configuration.rank * shape.columns).map { _ in Float(2 * generator.unit() - 1) * bound }
        pairs[projection] = LowRankPair(
          a: Matrix(rows: configuration.rank, columns: shape.columns, values),
          b: Matrix(rows: shape.rows, columns: configuration.rank), scale: configuration.scale)
      }
      return pairs
    }
    return Adapter(configuration: configuration, layers: layers)
  }
}
