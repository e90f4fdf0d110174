/// The stored integers of a weight, without their scales, for products in whole numbers.
extension WeightMatrix {
  /// Whether each run of 32 numbers is a scale times integers of at most eight bits, plus a minimum.
  var isOfIntegerRuns: Bool {
    switch format {
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_k, .q5_k: columns % 32 == 0
    case .f32, .f16, .bf16, .q2_k, .q3_k, .q6_k: false
    }
  }

  /// Whether the runs have a minimum.
  var hasMinima: Bool {
    switch format {
    case .q4_1, .q5_1, .q4_k, .q5_k: true
    case .f32, .f16, .bf16, .q8_0, .q4_0, .q5_0, .q2_k, .q3_k, .q6_k: false
    }
  }

  /// Reads up to 32 rows: number = scale · value + minimum. Values are about as often above zero as below, so that the
  /// rounding of what they are multiplied with counts little: minima are those of the middle value.
  /// - Parameters:
  ///   - runs: which runs of 32 columns.
  ///   - values: [runs, 32 rows, 32]; what belongs to no row is left as it is.
  ///   - scales: [runs, 32 rows], likewise.
  ///   - minima: [runs, 32 rows], likewise; zeros where the format has none.
  /// - Precondition: `isOfIntegerRuns`.
  func integers(
    rows: Range<Int>, runs: Range<Int>, values: UnsafeMutablePointer<Float>, scales: UnsafeMutablePointer<Float>,
    minima: UnsafeMutablePointer<Float>
  ) {
    let target = StoredIntegers(weight: self, rows: rows, runs: runs, values: values, scales: scales, minima: minima)
    switch format {
    case .q8_0: target.read(SignedByteBlock.self)
    case .q4_0: target.read(NibbleBlock.self)
    case .q4_1: target.read(NibbleMinimumBlock.self, middle: 8)
    case .q5_0: target.read(FiveBitBlock.self)
    case .q5_1: target.read(FiveBitMinimumBlock.self, middle: 16)
    case .q4_k: target.read(FourBitSuperBlock.self, middle: 8)
    case .q5_k: target.read(FiveBitSuperBlock.self, middle: 16)
    case .f32, .f16, .bf16, .q2_k, .q3_k, .q6_k: preconditionFailure("\(format) has no runs of integers")
    }
  }
}

/// Runs of some rows, and where their parts go.
private struct StoredIntegers {
  let weight: WeightMatrix
  let rows: Range<Int>
  let runs: Range<Int>
  let values: UnsafeMutablePointer<Float>
  let scales: UnsafeMutablePointer<Float>
  let minima: UnsafeMutablePointer<Float>

  /// - Parameter middle: the value in the middle of a format that has minima.
  func read<Block: StoredBlock>(_: Block.Type, middle: Float = 0) {
    let zero = VectorMath.Vector(repeating: Block.offset + middle)
    let rotation = FileOrder.rotation(width: Block.width)
    let halves = HalfPrecision.values
    for (index, row) in rows.enumerated() {
      let source = weight.bytes(row: row)
      var run = runs.lowerBound
      while run < runs.upperBound {
        let number = run / Block.runs
        let block = source + number * Block.bytes
        let (scale, minimum) = Block.factors(block, halves)
        for within in run - number * Block.runs..<min(runs.upperBound - number * Block.runs, Block.runs) {
          let place = (number * Block.runs + within - runs.lowerBound) * 32 + index
          let (low, high) = Block.unpacked(block, run: within, FileOrder.self, rotation)
          VectorMath.store(low - zero, values + place * 32)
          VectorMath.store(high - zero, values + place * 32 + 16)
          let lane = Block.runs == 1 ? 0 : 2 * within
          scales[place] = scale[lane]
          minima[place] = Block.hasMinimum ? minimum[lane] + middle * scale[lane] : 0
        }
        run = (number + 1) * Block.runs
      }
    }
  }
}
