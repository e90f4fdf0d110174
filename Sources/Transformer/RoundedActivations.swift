import Kernels

/// A layer's activations in words while they wait for the backward pass: half the memory, so that twice as many wait and
/// are not computed again. Each is within 2⁻¹⁶ of the largest beside it, as are the products that they come from.
///
/// The backward pass gets the same numbers whether they were kept or computed again: the latter are rounded too. Only from
/// an input that was kept in words others come out, as near to the first as that is.
struct RoundedActivations {
  private let rounded: RoundedRows
  private let keeps: ActivationPlan.Kept
  private let normalizers: Matrix?
  /// What the feed-forward half is computed from again, as it was.
  private let middle: Matrix?

  /// - Parameter keeps: the input in words, attention's activations, or everything.
  init(_ activations: LayerActivations, keeps: ActivationPlan.Kept, pool: WorkerPool) {
    let attention = activations.attention
    let matrices = Self.matrices(activations, keeps)
    let rounded = RoundedRows(rows: attention.input.rows, columns: matrices.map(\.columns))
    pool.ranges(rounded.rows, minimum: Self.fewestRows) { rows, _ in
      for (index, matrix) in matrices.enumerated() { rounded.store(index, rows, matrix.view.rows(rows)) }
    }
    self.rounded = rounded
    normalizers = keeps == .inputInWords ? nil : attention.normalizers?.copy()
    middle = keeps == .attention ? attention.middle.copy() : nil
    self.keeps = keeps
  }

  /// Rows that are worth a thread.
  private static let fewestRows = 16

  private static func matrices(_ activations: LayerActivations, _ keeps: ActivationPlan.Kept) -> [Matrix] {
    let attention = activations.attention
    return switch keeps {
    case .input, .inputInWords: [attention.input]
    case .attention: attention.roundable
    case .everything, .inPlace: attention.roundable + activations.feedForward.roundable + [attention.middle]
    }
  }

  /// Writes what was kept back to where it came from, or to the like of it.
  func load(into activations: LayerActivations, pool: WorkerPool) {
    let attention = activations.attention
    let matrices = Self.matrices(activations, keeps)
    pool.ranges(rounded.rows, minimum: Self.fewestRows) { rows, _ in
      for (index, matrix) in matrices.enumerated() { rounded.load(index, rows, into: matrix.view.rows(rows)) }
    }
    if let normalizers, let target = attention.normalizers { Elementwise.copy(normalizers.view, into: target.view) }
    if let middle { Elementwise.copy(middle.view, into: attention.middle.view, pool: pool) }
  }

  /// Rounds what was computed again.
  static func round(_ activations: LayerActivations, after keeps: ActivationPlan.Kept, pool: WorkerPool) {
    let attention = keeps == .attention ? [] : activations.attention.roundable
    let matrices = attention + activations.feedForward.roundable + [activations.attention.middle]
    pool.ranges(activations.attention.input.rows, minimum: fewestRows) { rows, _ in
      for matrix in matrices { RoundedRows.round(matrix.view.rows(rows)) }
    }
  }
}
