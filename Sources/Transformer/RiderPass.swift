import Checkpoints
import Kernels

/// The riders' own rows of a layout on their way through the layers, beside the rows that are learned from: they see
/// keys and values of those, and nothing of them is kept for the backward pass.
struct RiderPass {
  /// Rows of the layout that are learned from, which come first.
  private let learned: Int
  private let segments: [SegmentRows]
  private let positions: [Int32]
  private var activations: LayerActivations
  private let configuration: ModelConfiguration
  /// Those of its rows that are read; nil for all.
  let reading: ReadRows?
  /// The residual stream, [n, D]; behind the top layer that of the rows that are read.
  private(set) var stream: Matrix

  /// At the embeddings; nil if the layout has no such rows.
  /// - Parameter read: rows of the layout that are read; nil for all.
  init?(_ layout: PackedLayout, reading read: [Int]?, model: TransformerModel) {
    guard layout.learnedRows < layout.rows else { return nil }
    learned = layout.learnedRows
    configuration = model.configuration
    let own = read.map { $0.filter { $0 >= layout.learnedRows }.map { $0 - layout.learnedRows } }
    reading = ReadRows(own, of: layout.rows - learned)
    segments = Array(layout.segments[layout.learnedSegments...])
    positions = Array(layout.positions[learned...])
    activations = LayerActivations(rows: layout.rows - learned, configuration: model.configuration)
    stream = model.embedded(Array(layout.tokens[learned...]))
  }

  /// Through one layer.
  /// - Parameter beside: what the layer's attention has of the learned rows.
  mutating func forward(_ layer: DecoderLayer, beside: AttentionActivations) {
    if let reading = layer.reading { activations = activations.reading(reading, configuration: configuration) }
    let learned = learned
    let segments = segments
    stream = layer.forward(stream, positions: positions, activations: activations) { keys, values in
      segments.map { segment in
        func block(_ rows: Range<Int>) -> KeyBlock {
          if rows.upperBound <= learned {
            return KeyBlock(keys: beside.keys.view.rows(rows), values: beside.values.view.rows(rows))
          }
          let own = rows.lowerBound - learned..<rows.upperBound - learned
          return KeyBlock(keys: keys.view.rows(own), values: values.view.rows(own))
        }
        let queries = segment.rows.lowerBound - learned..<segment.rows.upperBound - learned
        return AttentionGroup(queries: queries, ancestors: segment.ancestors.map(block), own: block(segment.rows))
      }
    }
  }
}
