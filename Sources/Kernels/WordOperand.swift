import CKernels

/// Rows of numbers as 16-bit integers with a scale for every 32, in panels of twelve rows (WordProducts.h).
final class WordOperand: @unchecked Sendable {
  /// Rows of a panel.
  static let height = Int(words_rows)
  /// Numbers of a run.
  static let run = Int(words_run)

  /// Rows, without padding.
  let rows: Int
  /// Runs of a row.
  let runs: Int
  private let memory: Matrix

  /// Room for rows of `columns` numbers, a multiple of 32, not packed yet.
  init(rows: Int, columns: Int) {
    self.rows = rows
    runs = columns / Self.run
    let panels = (rows + Self.height - 1) / Self.height
    memory = Matrix(
      uninitializedRows: panels, columns: words_panel_bytes(runs) / MemoryLayout<Float>.stride)
  }

  var panels: Int { (rows + Self.height - 1) / Self.height }

  /// The rows of a panel.
  func rows(of panel: Int) -> Range<Int> { panel * Self.height..<min(rows, (panel + 1) * Self.height) }

  func panel(_ index: Int) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(memory.view.row(index)) }

  /// Packs a panel.
  /// - Parameter x: its rows.
  func pack(panel index: Int, _ x: MatrixView, by kernels: words_kernels) {
    kernels.pack_rows(x.base, x.stride, x.rows, runs * Self.run, panel(index))
  }
}
