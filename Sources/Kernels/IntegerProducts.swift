import CKernels

/// Linear layers of a single row with quantised weights, in whole numbers: about half the instructions of
/// unpacking the weights to float32.
///
/// Rounding: an input counts with the precision of float32 relative to the largest of its run of 32, so that a result
/// differs from one in float32 by no more than another order of additions would make. In vectors of 256 bits this holds for
/// runs with large inputs; of the others an input counts to 2⁻¹⁶ of the largest, as in products in words.
struct IntegerProducts {
  private let kernels: integers_kernels

  /// Those for the widest vectors that the processor has.
  private static let widest = (integers_wide() ?? integers_half())?.pointee
  /// Those for vectors of 256 bits.
  private static let narrow = integers_half()?.pointee

  /// Nil if the processor lacks the instructions, or if a layer's format has no such products.
  /// - Parameters:
  ///   - layers: those that are to be multiplied; their formats need not be the same.
  ///   - inNarrowVectors: whether vectors of 256 bits are taken even where there are wider ones.
  init?(_ layers: [(weight: WeightMatrix, y: MatrixView)], inNarrowVectors: Bool = false) {
    guard let kernels = inNarrowVectors ? Self.narrow : Self.widest,
      layers.allSatisfy({ $0.weight.format.stored != nil })
    else { return nil }
    self.kernels = kernels
  }

  /// Y ← x · Wᵀ for several layers with one input. x: [1, in]; each weight: [out, in], its y: [1, out].
  /// - Parameter keepingEveryDigit: whether all runs count as those with large inputs.
  func linear(
    _ x: MatrixView, _ layers: [(weight: WeightMatrix, y: MatrixView)], keepingEveryDigit: Bool, pool: WorkerPool
  ) {
    let runs = x.columns / 32
    withUnsafeTemporaryAllocation(byteCount: integers_input_bytes(runs), alignment: 64) { inputs in
      guard let inputs = inputs.baseAddress else { return }
      kernels.prepare(x.row(0), runs, keepingEveryDigit, inputs)
      BlockProducts.share(layers, height: 4, pool: pool) { layer, rows in
        multiply(layers[layer], rows, inputs, runs)
      }
    }
  }

  private func multiply(
    _ layer: (weight: WeightMatrix, y: MatrixView), _ rows: Range<Int>, _ inputs: UnsafeRawPointer, _ runs: Int
  ) {
    guard let format = layer.weight.format.stored else { return }
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
            kernels.multiply(format, sources.baseAddress, runs, inputs, y + start)
          } else {
            kernels.multiply(format, sources.baseAddress, runs, inputs, results.baseAddress)
            for place in 0..<rows.upperBound - start { y[start + place] = results[place] }
          }
        }
      }
    }
  }
}
