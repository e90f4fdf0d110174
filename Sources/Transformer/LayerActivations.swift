import Checkpoints
import Kernels

/// What a decoder layer's forward pass leaves behind for its backward pass.
///
/// Norms and products that are cheap to compute again are not kept.
struct LayerActivations {
  let attention: AttentionActivations
  let feedForward: FeedForwardActivations
  let narrow: NarrowActivations

  /// Room for `rows` rows.
  /// - Parameter isTrained: whether there is to be a backward pass.
  init(rows: Int, configuration: ModelConfiguration, isTrained: Bool = false) {
    attention = AttentionActivations(rows: rows, configuration: configuration, isTrained: isTrained)
    feedForward = FeedForwardActivations(rows: rows, configuration: configuration, isTrained: isTrained)
    narrow = NarrowActivations()
  }

  init(attention: AttentionActivations, feedForward: FeedForwardActivations) {
    self.attention = attention
    self.feedForward = feedForward
    narrow = NarrowActivations()
  }
}

/// Activations of the attention half of a layer. n is the number of rows.
final class AttentionActivations {
  /// The residual stream before the layer, [n, D].
  let input: Matrix
  /// Queries before their norm, [n, heads·d]; nil without such a norm or a backward pass.
  let rawQueries: Matrix?
  /// Keys before their norm, [n, keyHeads·d]; likewise.
  let rawKeys: Matrix?
  /// Rotated queries, [n, heads·d].
  let queries: Matrix
  /// Rotated keys, [n, keyHeads·d].
  let keys: Matrix
  /// Values, [n, keyHeads·d].
  let values: Matrix
  /// What attention gives, [n, heads·d].
  let attended: Matrix
  /// What attention's backward pass wants to know again, [n, heads]; nil where there is none.
  let normalizers: Matrix?
  /// What the output projection gives, before its norm, [n, D]; nil without such a norm or a backward pass.
  let projected: Matrix?
  /// The residual stream between attention and feed-forward, [n, D].
  let middle: Matrix

  init(rows: Int, configuration c: ModelConfiguration, isTrained: Bool) {
    func matrix(_ columns: Int, if isKept: Bool) -> Matrix? {
      isTrained && isKept ? Matrix(uninitializedRows: rows, columns: columns) : nil
    }
    input = Matrix(uninitializedRows: rows, columns: c.hiddenSize)
    rawQueries = matrix(c.heads * c.headDimension, if: c.hasHeadNorms)
    rawKeys = matrix(c.keyHeads * c.headDimension, if: c.hasHeadNorms)
    queries = Matrix(uninitializedRows: rows, columns: c.heads * c.headDimension)
    keys = Matrix(uninitializedRows: rows, columns: c.keyHeads * c.headDimension)
    values = Matrix(uninitializedRows: rows, columns: c.keyHeads * c.headDimension)
    attended = Matrix(uninitializedRows: rows, columns: c.heads * c.headDimension)
    normalizers = matrix(c.heads, if: true)
    projected = matrix(c.hiddenSize, if: c.hasOutputNorms)
    middle = Matrix(uninitializedRows: rows, columns: c.hiddenSize)
  }

  /// Bytes for so many rows, with a backward pass.
  static func bytes(rows: Int, configuration c: ModelConfiguration) -> Int {
    let stream = c.hasOutputNorms ? 3 : 2
    let heads = c.hasHeadNorms ? 3 : 2
    return rows * 4
      * (stream * c.hiddenSize + heads * (c.heads + c.keyHeads) * c.headDimension + c.heads)
  }
}

/// What the adapter's first halves make of their inputs: few columns, so that they are always kept.
final class NarrowActivations {
  /// A·drop(x) of each adapted projection, [n, r].
  var inputs: [Projection: Matrix] = [:]
}

/// Activations of the feed-forward half of a layer. n is the number of rows.
final class FeedForwardActivations {
  /// Gate before its activation, [n, F].
  let gate: Matrix
  /// Up projection, [n, F].
  let up: Matrix
  /// What the down projection gives, before its norm, [n, D]; nil without such a norm or a backward pass.
  let projected: Matrix?

  init(rows: Int, configuration c: ModelConfiguration, isTrained: Bool) {
    gate = Matrix(uninitializedRows: rows, columns: c.intermediateSize)
    up = Matrix(uninitializedRows: rows, columns: c.intermediateSize)
    projected =
      isTrained && c.hasOutputNorms ? Matrix(uninitializedRows: rows, columns: c.hiddenSize) : nil
  }

  /// Bytes for so many rows, with a backward pass.
  static func bytes(rows: Int, configuration c: ModelConfiguration) -> Int {
    rows * 4 * (2 * c.intermediateSize + (c.hasOutputNorms ? c.hiddenSize : 0))
  }
}
