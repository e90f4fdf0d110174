import CKernels

/// Linear layers of a single row with weights of 4 or 8 bits, in whole numbers: about half the instructions of
/// unpacking the weights to float32.
///
/// Rounding: an input counts with the precision of float32 relative to the largest of its block of 32, so that a result
/// differs from one in float32 by no more than another order of additions would make. In vectors of 256 bits this holds for
/// blocks with large inputs; of the others an input counts to 2⁻¹⁶ of the largest, as in products in words.
struct IntegerProducts {
  private let format: integers_format
  private let kernels: integers_kernels

  /// Those for the widest vectors that the processor has.
  private static let widest = (integers_wide() ?? integers_half())?.pointee
  /// Those for vectors of 256 bits.
  private static let narrow = integers_half()?.pointee

  /// Nil if the processor lacks the instructions, or for any other format.
  /// - Parameter inNarrowVectors: whether vectors of 256 bits are taken even where there are wider ones.
  init?(_ format: WeightFormat?, inNarrowVectors: Bool = false) {
    guard let kernels = inNarrowVectors ? Self.narrow : Self.widest else { return nil }
    self.kernels = kernels
    switch format {
    case .q4_0: self.format = integers_q4_0
    case .q4_1: self.format = integers_q4_1
    case .q8_0: self.format = integers_q8_0
    default: return nil
    }
  }

  /// Y ← x · Wᵀ for several layers with one input. x: [1, in]; each weight: [out, in], its y: [1, out].
  /// - Parameter keepingEveryDigit: whether all blocks count as those with large inputs.
  func linear(
    _ x: MatrixView, _ layers: [(weight: WeightMatrix, y: MatrixView)], keepingEveryDigit: Bool, pool: WorkerPool
  ) {
    let blocks = x.columns / 32
    withUnsafeTemporaryAllocation(byteCount: integers_input_bytes(blocks), alignment: 64) { inputs in
      guard let inputs = inputs.baseAddress else { return }
      kernels.prepare(x.row(0), blocks, keepingEveryDigit, inputs)
      BlockProducts.share(layers, height: 4, pool: pool) { layer, rows in
        multiply(layers[layer], rows, inputs, blocks)
      }
    }
  }

  private func multiply(
    _ layer: (weight: WeightMatrix, y: MatrixView), _ rows: Range<Int>, _ inputs: UnsafeRawPointer, _ blocks: Int
  ) {
    let y = layer.y.row(0)
    let last = rows.upperBound - 1
    withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: 4) { sources in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 4) { results in
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: 4) {
          // A last tile that is not full repeats its last row.
          for place in 0..<4 {
            sources[place] = layer.weight.bytes(row: min(start + place, last)).assumingMemoryBound(to: UInt8.self)
          }
          if start + 4 <= rows.upperBound {
            kernels.multiply(format, sources.baseAddress, blocks, inputs, y + start)
          } else {
            kernels.multiply(format, sources.baseAddress, blocks, inputs, results.baseAddress)
            for place in 0..<rows.upperBound - start { y[start + place] = results[place] }
          }
        }
      }
    }
  }
}
