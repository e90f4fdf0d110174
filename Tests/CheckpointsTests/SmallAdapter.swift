import Checkpoints
import Kernels

/// An adapter for `SmallModel` with entries that are no round numbers.
enum SmallAdapter {
  static let configuration = AdapterConfiguration(
    rank: 3, alpha: 4.5, dropout: 0.05, targets: [.down, .query, .key], baseModel: "small")

  static func adapter(for model: ModelConfiguration) -> Adapter {
    let layers = (0..<model.layers).map { layer in
      var pairs: [Projection: LowRankPair] = [:]
      for projection in configuration.targets {
        let shape = model.shape(of: projection)
        pairs[projection] = LowRankPair(
          a: matrix(configuration.rank, shape.columns, layer + 1), b: matrix(shape.rows, configuration.rank, layer + 9),
          scale: configuration.scale)
      }
      return pairs
    }
    return Adapter(configuration: configuration, layers: layers)
  }

  private static func matrix(_ rows: Int, _ columns: Int, _ seed: Int) -> Matrix {
    let values = (0..<rows * columns).map { Float(($0 * 7919 + seed * 104729) % 1009) / 1009 - 0.5 }
    return Matrix(rows: rows, columns: columns, values)
  }
}
