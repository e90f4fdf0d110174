import CKernels

/// A weight whose runs of 32 numbers are scales times small integers, plus minima: what is multiplied in words.
///
/// Integers count from the middle value on, and minima are those of the middle value.
struct StoredWords {
  let weight: WeightMatrix
  /// What the runs have beside their scales.
  let beside: words_beside
  private let format: stored_format

  /// Nil for other formats.
  init?(_ weight: WeightMatrix) {
    guard weight.columns % WordOperand.run == 0 else { return nil }
    guard let format = weight.format.stored else { return nil }
    self.format = format
    beside =
      switch weight.format {
      case .q4_1, .q5_1, .q4_k, .q5_k: words_minima
      case .q6_k: words_second_scales
      default: words_nothing
      }
    self.weight = weight
  }

  /// Packs up to 32 rows, all their runs.
  func pack(_ rows: Range<Int>, by kernels: words_kernels, into records: UnsafeMutableRawPointer) {
    withRows(rows) { kernels.pack_weights(format, $0, ahead, weight.columns / WordOperand.run, records) }
  }

  /// Packs some runs of 32 rows for the product with the transpose, their records `stride` bytes apart.
  func packTransposed(
    _ rows: Range<Int>, runs: Range<Int>, by kernels: words_kernels, into records: UnsafeMutableRawPointer, stride: Int
  ) {
    withRows(rows) { kernels.pack_transposed(format, $0, ahead, runs.lowerBound, runs.count, records, stride) }
  }

  /// The minima of 32 rows.
  /// - Parameter minima: [rows of the weight, runs or more].
  func minima(_ rows: Range<Int>, by kernels: words_kernels, into minima: MatrixView) {
    withRows(rows) {
      kernels.minima(format, $0, weight.columns / WordOperand.run, minima.row(rows.lowerBound), minima.stride)
    }
  }

  /// Rows are read 32 at a time, one after another.
  private var ahead: Int { WordOperand.run * weight.rowBytes }

  /// Where 32 rows begin; the last one stands for those that are missing.
  private func withRows(_ rows: Range<Int>, _ body: (UnsafePointer<UnsafePointer<UInt8>?>?) -> Void) {
    withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: WordOperand.run) { places in
      for place in 0..<WordOperand.run {
        let row = min(rows.lowerBound + place, rows.upperBound - 1)
        places[place] = weight.bytes(row: row).assumingMemoryBound(to: UInt8.self)
      }
      body(UnsafePointer(places.baseAddress))
    }
  }
}
