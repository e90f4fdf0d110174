import Kernels
import Testing
import TinyModels

/// Linear layers of a few rows of input, which are taken straight from the stored blocks.
@Suite struct BlockProductsTests {
  /// [out, in]: fewer rows than are taken together, none left over, some left over; long enough for several parts; an
  /// input of a single block and of more than sixteen.
  private static let shapes = [(1, 32), (3, 64), (8, 96), (70, 576), (201, 1056)]

  private func reference(_ x: Matrix, _ values: [Double], outputs: Int, order: (Int) -> Int = { $0 }) -> [Double] {
    let input = x.doubles
    return (0..<x.rows * outputs).map { index in
      let (row, output) = index.quotientAndRemainder(dividingBy: outputs)
      let (a, b) = (row * x.columns, order(output) * x.columns)
      return (0..<x.columns).reduce(0.0) { $0 + input[a + $1] * values[b + $1] }
    }
  }

  /// What float32 can lose in a sum of such terms, and no more.
  private func tolerance(_ x: Matrix, _ values: [Double]) -> Double {
    let largest = values.lazy.map(abs).max() ?? 0
    return 2e-7 * largest * Double(x.columns) + 1e-6 * largest
  }

  @Test(arguments: WeightFormat.all, 1...16)
  func everyFormatAgreesWithPlainLoops(_ format: WeightFormat, _ rows: Int) throws {
    for (outputs, inputs) in Self.shapes {
      let blocks = WeightBlocks(format, rows: outputs, columns: inputs, seed: UInt64(rows))
      var generator = SplitMix64(seed: 21)
      let x = generator.matrix(rows, inputs)
      let expected = reference(x, blocks.values, outputs: outputs)
      for threads in [1, 3] {
        let all = try Products(threads: threads)
        // A single row is multiplied as precisely by whole numbers of either width of vectors.
        for products in [all.inSinglePrecision] + (rows == 1 ? [all.inNarrowVectors.inSinglePrecision] : []) {
          let y = Matrix(rows: rows, columns: outputs, [Float](repeating: 9, count: rows * outputs))
          products.linear(SharedRows(x.view), blocks.matrix(), into: y.view)
          #expect(
            largestDifference(y.doubles, expected) < tolerance(x, blocks.values), "[\(outputs), \(inputs)], \(threads)")
        }
        guard rows == 1 else { continue }
        let y = Matrix(rows: rows, columns: outputs)
        all.inNarrowVectors.linear(SharedRows(x.view), blocks.matrix(), into: y.view)
        let rounding = 1e-4 * largestProducts(x, blocks.values)
        #expect(
          largestDifference(y.doubles, expected) < rounding + tolerance(x, blocks.values),
          "[\(outputs), \(inputs)], 16 bits")
      }
    }
  }

  /// The products of each block's largest input with the largest weight, which is what integers round; their sum.
  private func largestProducts(_ x: Matrix, _ weights: [Double]) -> Double {
    let largest = weights.lazy.map(abs).max() ?? 0
    let inputs = x.doubles.map(abs)
    return stride(from: 0, to: inputs.count, by: 32).reduce(0) { sum, start in
      sum + largest * (inputs[start..<min(inputs.count, start + 32)].max() ?? 0)
    }
  }

  /// Whatever scale a block of inputs has, its largest input keeps its place and its smallest ones count as in float32, or
  /// in 16 bits.
  @Test(arguments: WeightFormat.integers, WordProductsTests.Vectors.allCases)
  func aSingleRowOfUnlikeInputs(_ format: WeightFormat, _ vectors: WordProductsTests.Vectors) throws {
    let rounding = try vectors.products(threads: 1)
    for seed in 0..<200 as Range<UInt64> {
      let columns = format.blockLength == 32 ? 32 * Int(seed % 9 + 1) : format.blockLength * Int(seed % 3 + 1)
      let blocks = WeightBlocks(format, rows: 6, columns: columns, seed: seed)
      var generator = SplitMix64(seed: seed)
      var values = generator.matrix(1, columns).values
      for block in 0..<columns / 32 {
        let scale: Float = [1, 0, 1e-33, 1e-20, 1e20, 3e-5][(block + Int(seed)) % 6]
        for place in 0..<32 { values[block * 32 + place] *= place == block % 32 ? 100 * scale : scale }
      }
      let x = Matrix(rows: 1, columns: columns, values)
      let expected = reference(x, blocks.values, outputs: 6)
      let size = largestProducts(x, blocks.values)
      for (products, part) in [(rounding.inSinglePrecision, 6.4e-6), (rounding, 1e-4)] {
        let y = Matrix(rows: 1, columns: 6)
        products.linear(SharedRows(x.view), blocks.matrix(), into: y.view)
        #expect(largestDifference(y.doubles, expected) <= part * size + 1e-28, "seed \(seed), \(part)")
      }
    }
  }

  /// Numbers that are not finite are not lost on the way.
  @Test(arguments: WeightFormat.integers, [Float.nan, .infinity, -.infinity])
  func aSingleRowThatIsNotFinite(_ format: WeightFormat, _ number: Float) throws {
    let columns = max(96, format.blockLength)
    let blocks = WeightBlocks(format, rows: 5, columns: columns)
    for place in [0, 31, 40, columns - 1] {
      var values = [Float](repeating: 0.5, count: columns)
      values[place] = number
      let y = Matrix(rows: 1, columns: 5)
      try Products(threads: 1).inSinglePrecision.linear(
        SharedRows(Matrix(rows: 1, columns: columns, values).view), blocks.matrix(), into: y.view)
      #expect(y.values.allSatisfy { !$0.isFinite }, "\(place)")
    }
  }

  /// Formats without blocks may have rows of any length.
  @Test(arguments: [WeightFormat.f32, .f16, .bf16], [1, 5, 31, 33, 95])
  func rowsNeedNotBeWholeBlocks(_ format: WeightFormat, _ inputs: Int) throws {
    let blocks = WeightBlocks(format, rows: 9, columns: inputs)
    var generator = SplitMix64(seed: 22)
    let products = try Products(threads: 2).inSinglePrecision
    for rows in [1, 2, 3, 4, 7] {
      let x = generator.matrix(rows, inputs)
      let y = Matrix(rows: rows, columns: 9)
      products.linear(SharedRows(x.view), blocks.matrix(), into: y.view)
      #expect(
        largestDifference(y.doubles, reference(x, blocks.values, outputs: 9)) < tolerance(x, blocks.values), "\(rows)")
    }
  }

  /// Rows stored with the halves of each head interleaved come out in the order of the original model.
  @Test(arguments: WeightFormat.all, [1, 2, 4, 7])
  func interleavedHeadsComeOutInOrder(_ format: WeightFormat, _ rows: Int) throws {
    let blocks = WeightBlocks(format, rows: 36, columns: 64)
    var generator = SplitMix64(seed: 23)
    let x = generator.matrix(rows, 64)
    let y = Matrix(rows: rows, columns: 36)
    try Products(threads: 2).inSinglePrecision.linear(
      SharedRows(x.view), blocks.matrix(interleavedHeadDimension: 12), into: y.view)
    let expected = reference(x, blocks.values, outputs: 36) { row in
      row / 12 * 12 + (row % 12 < 6 ? 2 * (row % 12) : 2 * (row % 12 - 6) + 1)
    }
    #expect(largestDifference(y.doubles, expected) < tolerance(x, blocks.values))
  }

  /// Windows are read and written in place, and what lies beside the output stays.
  @Test func windowsAreReadAndWrittenInPlace() throws {
    let blocks = WeightBlocks(.q4_1, rows: 10, columns: 64)
    var generator = SplitMix64(seed: 24)
    let whole = generator.matrix(5, 100)
    let x = Matrix(rows: 3, columns: 64, (1..<4).flatMap { row in (20..<84).map { whole[row, $0] } })
    let y = Matrix(rows: 5, columns: 30, [Float](repeating: 9, count: 150))
    try Products(threads: 2).inSinglePrecision.linear(
      SharedRows(whole.view.rows(1..<4).columns(20..<84)), blocks.matrix(), into: y.view.rows(2..<5).columns(7..<17))
    let expected = reference(x, blocks.values, outputs: 10)
    for row in 0..<5 {
      for column in 0..<30 {
        if row >= 2, (7..<17).contains(column) {
          let difference = Double(y[row, column]) - expected[(row - 2) * 10 + column - 7]
          #expect(abs(difference) < tolerance(x, blocks.values))
        } else {
          #expect(y[row, column] == 9)
        }
      }
    }
  }

  /// Several layers of one input, taken together if they have one format or there is one row.
  @Test(arguments: [1, 3, 40], [[WeightFormat.q4_1, .q4_1, .q4_1], [.q4_0, .q8_0, .f16], [.q5_0, .q8_0, .q5_1]])
  func severalLayersGiveWhatEachGives(_ rows: Int, _ formats: [WeightFormat]) throws {
    var generator = SplitMix64(seed: 25)
    let x = generator.matrix(rows, 192)
    let outputs = [50, 3, 121]
    let blocks = zip(formats, outputs).map { WeightBlocks($0, rows: $1, columns: 192) }
    for threads in [1, 2, 5] {
      let products = try Products(threads: threads).inSinglePrecision
      let together = outputs.map { Matrix(rows: rows, columns: $0) }
      products.linear(SharedRows(x.view), zip(blocks, together).map { ($0.matrix(), $1.view) })
      for (block, result) in zip(blocks, together) {
        let alone = Matrix(rows: rows, columns: block.rows)
        products.linear(SharedRows(x.view), block.matrix(), into: alone.view)
        #expect(result.values == alone.values)
      }
    }
    try Products(threads: 2).inSinglePrecision.linear(SharedRows(x.view), [])
  }

  /// How rows are spread over threads must not show.
  @Test(arguments: WeightFormat.all, [1, 6])
  func threadsDoNotChangeTheResult(_ format: WeightFormat, _ rows: Int) throws {
    let blocks = WeightBlocks(format, rows: 203, columns: 544)
    var generator = SplitMix64(seed: 26)
    let x = generator.matrix(rows, 544)
    let results = try [1, 2, 3, 7].map { threads in
      let y = Matrix(rows: rows, columns: 203)
      try Products(threads: threads).inSinglePrecision.linear(SharedRows(x.view), blocks.matrix(), into: y.view)
      return y.values
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  /// A weight that is no number, or infinite, shows in its output and in no other.
  @Test(arguments: [UInt16(0x7C00), 0xFC00, 0x7E00]) func brokenHalvesShow(_ bits: UInt16) throws {
    var values = [UInt16](0x3000..<0x3000 + 5 * 64)
    values[2 * 64 + 37] = bits
    let memory = UnsafeMutableRawPointer.allocate(byteCount: values.count * 2, alignment: 64)
    defer { memory.deallocate() }
    values.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count) }
    let weight = WeightMatrix(format: .f16, rows: 5, columns: 64, bytes: memory, owner: nil)
    for rows in [1, 2, 4] {
      let x = Matrix(rows: rows, columns: 64, [Float](repeating: 0.5, count: rows * 64))
      let y = Matrix(rows: rows, columns: 5)
      try Products(threads: 1).inSinglePrecision.linear(SharedRows(x.view), weight, into: y.view)
      for row in 0..<rows {
        #expect((0..<5).filter { !y[row, $0].isFinite } == [2])
        #expect(y[row, 2].isNaN == (bits == 0x7E00))
      }
    }
  }
}
