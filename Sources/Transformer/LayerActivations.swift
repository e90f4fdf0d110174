import Checkpoints
import Kernels

/// What a decoder layer's forward pass leaves behind for its backward pass. n is the number of rows.
///
/// Norms and products that are cheap to compute again are not kept.
final class LayerActivations {
  /// The residual stream before the layer, [n, D].
  let input: Matrix
  /// Rotated queries, [n, heads·d].
  let queries: Matrix
  /// Rotated keys, [n, keyHeads·d].
  let keys: Matrix
  /// Values, [n, keyHeads·d].
  let values: Matrix
  /// What attention gives, [n, heads·d].
  let attended: Matrix
  /// The residual stream between attention and feed-forward, [n, D].
  let middle: Matrix
  /// Gate before its activation, [n, F].
  let gate: Matrix
  /// Up projection, [n, F].
  let up: Matrix

  init(rows: Int, configuration c: ModelConfiguration) {
    input = Matrix(rows: rows, columns: c.hiddenSize)
    queries = Matrix(rows: rows, columns: c.heads * c.headDimension)
    keys = Matrix(rows: rows, columns: c.keyHeads * c.headDimension)
    values = Matrix(rows: rows, columns: c.keyHeads * c.headDimension)
    attended = Matrix(rows: rows, columns: c.heads * c.headDimension)
    middle = Matrix(rows: rows, columns: c.hiddenSize)
    gate = Matrix(rows: rows, columns: c.intermediateSize)
    up = Matrix(rows: rows, columns: c.intermediateSize)
  }

  /// Bytes of one layer's activations.
  static func bytes(rows: Int, configuration c: ModelConfiguration) -> Int {
    rows * 4 * (2 * c.hiddenSize + 2 * (c.heads + c.keyHeads) * c.headDimension + 2 * c.intermediateSize)
  }
}
