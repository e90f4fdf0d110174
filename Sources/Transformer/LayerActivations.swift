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

  /// The same up to attention, room of its own for some rows behind it; all the same if all rows are read.
  func reading(_ some: ReadRows?, configuration: ModelConfiguration, isTrained: Bool = false) -> LayerActivations {
    guard let some else { return LayerActivations(attention: attention, feedForward: feedForward) }
    return LayerActivations(
      attention: AttentionActivations(
        attention, readRows: some.rows.count, configuration: configuration, isTrained: isTrained),
      feedForward: FeedForwardActivations(
        rows: some.rows.count, configuration: configuration, isTrained: isTrained))
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
  /// What the output projection gives, before its norm, [n, D], or of the rows that are read; nil without such a norm or a
  /// backward pass.
  let projected: Matrix?
  /// The residual stream between attention and feed-forward, [n, D], or of the rows that are read.
  let middle: Matrix

  /// What can be kept in fewer digits, but for `middle`: it is what the feed-forward half is computed from again.
  var roundable: [Matrix] {
    [input, rawQueries, rawKeys, queries, keys, values, attended, projected].compactMap { $0 }
  }

  /// Numbers of a row of each of them.
  static func roundableColumns(_ c: ModelConfiguration) -> [Int] {
    let (wide, narrow) = (c.heads * c.headDimension, c.keyHeads * c.headDimension)
    return [c.hiddenSize] + (c.hasHeadNorms ? [wide, narrow] : []) + [wide, narrow, narrow, wide]
      + (c.hasOutputNorms ? [c.hiddenSize] : [])
  }

  init(rows: Int, configuration c: ModelConfiguration, isTrained: Bool) {
    let (wide, narrow) = (c.heads * c.headDimension, c.keyHeads * c.headDimension)
    var kept = Matrix.together(
      uninitializedRows: rows, columns: [c.hiddenSize, wide, narrow, narrow, wide, c.hiddenSize])[...]
    func next() -> Matrix { kept.removeFirst() }
    func matrix(_ columns: Int, if isKept: Bool) -> Matrix? {
      isTrained && isKept ? Matrix(uninitializedRows: rows, columns: columns) : nil
    }
    (input, queries, keys, values, attended, middle) = (next(), next(), next(), next(), next(), next())
    rawQueries = matrix(wide, if: c.hasHeadNorms)
    rawKeys = matrix(narrow, if: c.hasHeadNorms)
    normalizers = matrix(c.heads, if: true)
    projected = matrix(c.hiddenSize, if: c.hasOutputNorms)
  }

  /// Those of all rows up to what attention gives, and room for what is made of some of them.
  init(_ all: AttentionActivations, readRows: Int, configuration c: ModelConfiguration, isTrained: Bool) {
    (input, rawQueries, rawKeys) = (all.input, all.rawQueries, all.rawKeys)
    (queries, keys, values, attended) = (all.queries, all.keys, all.values, all.attended)
    normalizers = all.normalizers
    projected =
      isTrained && c.hasOutputNorms ? Matrix(uninitializedRows: readRows, columns: c.hiddenSize) : nil
    middle = Matrix(uninitializedRows: readRows, columns: c.hiddenSize)
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

  /// What can be kept in fewer digits.
  var roundable: [Matrix] { [gate, up, projected].compactMap { $0 } }

  /// Numbers of a row of each of them.
  static func roundableColumns(_ c: ModelConfiguration) -> [Int] {
    [c.intermediateSize, c.intermediateSize] + (c.hasOutputNorms ? [c.hiddenSize] : [])
  }

  init(rows: Int, configuration c: ModelConfiguration, isTrained: Bool) {
    let wide = Matrix.together(uninitializedRows: rows, columns: [c.intermediateSize, c.intermediateSize])
    (gate, up) = (wide[0], wide[1])
    projected =
      isTrained && c.hasOutputNorms ? Matrix(uninitializedRows: rows, columns: c.hiddenSize) : nil
  }
}
