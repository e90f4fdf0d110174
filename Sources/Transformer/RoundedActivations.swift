import Kernels

/// A layer's activations in words while they wait for the backward pass: half the memory, so that twice as many wait and
/// are not computed again. Each is within 2⁻¹⁶ of the largest beside it, as are the products that they come from.
///
/// The backward pass gets the same numbers whether they were kept or computed again: the latter are rounded too.
struct RoundedActivations {
  private let rounded: RoundedRows
  private let keeps: ActivationPlan.Kept
  private let normalizers: Matrix?
  /// What the feed-forward half is computed from again, as it was.
  private let middle: Matrix?

  /// - Parameter keeps: attention's activations, or everything.
  init(_ activations: LayerActivations, keeps: ActivationPlan.Kept, pool: WorkerPool) {
    let attention = activations.attention
    rounded = Self.stored(Self.matrices(activations, keeps), pool: pool)
    normalizers = attention.normalizers?.copy()
    middle = keeps == .attention ? attention.middle.copy() : nil
    self.keeps = keeps
  }

  private static func matrices(_ activations: LayerActivations, _ keeps: ActivationPlan.Kept) -> [Matrix] {
    let attention = activations.attention
    return keeps == .attention
      ? attention.roundable : attention.roundable + activations.feedForward.roundable + [attention.middle]
  }

  private static func stored(_ matrices: [Matrix], pool: WorkerPool) -> RoundedRows {
    let rounded = RoundedRows(rows: matrices.first?.rows ?? 0, columns: matrices.map(\.columns))
    pool.ranges(rounded.rows, minimum: 16) { rows, _ in
      for (index, matrix) in matrices.enumerated() { rounded.store(index, rows, matrix.view.rows(rows)) }
    }
    return rounded
  }

  private static func load(_ rounded: RoundedRows, into matrices: [Matrix], pool: WorkerPool) {
    pool.ranges(rounded.rows, minimum: 16) { rows, _ in
      for (index, matrix) in matrices.enumerated() { rounded.load(index, rows, into: matrix.view.rows(rows)) }
    }
  }

  /// Writes what was kept back to where it came from, or to the like of it.
  func load(into activations: LayerActivations, pool: WorkerPool) {
    let attention = activations.attention
    Self.load(rounded, into: Self.matrices(activations, keeps), pool: pool)
    if let normalizers, let target = attention.normalizers { Elementwise.copy(normalizers.view, into: target.view) }
    if let middle { Elementwise.copy(middle.view, into: attention.middle.view, pool: pool) }
  }

  /// Rounds what was computed again.
  static func round(_ activations: LayerActivations, after keeps: ActivationPlan.Kept, pool: WorkerPool) {
    let attention = keeps == .input ? activations.attention.roundable : []
    let matrices = attention + activations.feedForward.roundable + [activations.attention.middle]
    load(stored(matrices, pool: pool), into: matrices, pool: pool)
  }
}
