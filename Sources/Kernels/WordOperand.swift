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

  /// What one of `count` products with some runs of a panel asks for: its share of those of the panel behind it, if that
  /// is read next.
  func ahead(of index: Int, in panels: Range<Int>, runs: Range<Int>, product: Int, of count: Int) -> words_ahead {
    guard index + 1 < panels.upperBound else { return words_ahead(base: nil, bytes: 0) }
    func place(_ product: Int) -> Int {
      runs.lowerBound * Int(words_input_bytes) + product * runs.count * Int(words_input_bytes) / count
    }
    return words_ahead(base: panel(index + 1) + place(product), bytes: place(product + 1) - place(product))
  }

  /// Packs a panel.
  /// - Parameter x: its rows.
  func pack(panel index: Int, _ x: MatrixView, by kernels: words_kernels) {
    kernels.pack_rows(x.base, x.stride, x.rows, runs * Self.run, panel(index))
  }
}
