import Checkpoints
import Kernels

extension TransformerModel {
  /// The final-norm outputs of a layout, [rows, D]: an inference pass, which keeps one layer's activations at a time.
  /// - Parameter rows: those that will be read, the others are NaN; nil for all.
  public func states(_ layout: PackedLayout, reading rows: [Int]? = nil) -> Matrix {
    let reading = ReadRows(rows, of: layout.rows)
    var stream = embedded(layout.tokens)
    var activations = LayerActivations(rows: layout.rows, configuration: configuration)
    for index in 0..<configuration.layers {
      if isTop(index) { activations = activations.reading(reading, configuration: configuration) }
      stream = layer(index, reading: reading).forward(
        stream, positions: layout.positions, activations: activations
      ) { keys, values in
        layout.segments.map { $0.group(keys: keys.view, values: values.view) }
      }
    }
    return finalNormalized(stream, reading: reading)
  }

  /// log p(target) at rows of final-norm outputs, natural logarithm.
  /// - Parameters:
  ///   - states: [n, D], from `states`.
  ///   - rows: where to read; as many as targets.
  ///   - targets: tokens of the vocabulary.
  public func logProbabilities(_ states: Matrix, rows: [Int], targets: [Int32]) -> [Float] {
    precondition(rows.count == targets.count)
    return head.logProbabilities(states, rows: rows, targets: targets)
  }

  /// The logits of every row of a layout, [rows, V]; for tests and for looking at single predictions.
  public func logits(_ layout: PackedLayout) -> Matrix {
    let states = states(layout)
    let result = Matrix(rows: layout.rows, columns: configuration.vocabularySize)
    head.chunks(of: states, rows: Array(0..<layout.rows)) { places, _, logits in
      Elementwise.copy(logits, into: result.view.rows(places))
    }
    return result
  }
}
