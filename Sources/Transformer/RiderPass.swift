import Checkpoints
import Kernels

/// The riders' own rows of a layout on their way through the layers, beside the rows that are learned from: they see
/// keys and values of those, and nothing of them is kept for the backward pass.
struct RiderPass {
  /// Rows of the layout that are learned from, which come first.
  private let learned: Int
  private let segments: [SegmentRows]
  private let positions: [Int32]
  private let activations: LayerActivations
  /// The residual stream, [n, D].
  let stream: Matrix

  /// At the embeddings; nil if the layout has no such rows.
  init?(_ layout: PackedLayout, model: TransformerModel) {
    guard layout.learnedRows < layout.rows else { return nil }
    learned = layout.learnedRows
    segments = Array(layout.segments[layout.learnedSegments...])
    positions = Array(layout.positions[learned...])
    activations = LayerActivations(rows: layout.rows - learned, configuration: model.configuration)
    stream = model.embedded(Array(layout.tokens[learned...]))
  }

  /// Through one layer.
  /// - Parameter beside: what the layer's attention has of the learned rows.
  func forward(_ layer: DecoderLayer, beside: AttentionActivations) {
    layer.forward(stream, positions: positions, activations: activations) { keys, values in
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
