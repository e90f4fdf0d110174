import Kernels
import Testing
import TinyModels

/// Where the processor multiplies words, layers of quantised weights go through them; elsewhere these hold as well.
@Suite struct WordProductsTests {
  /// Which of a processor's vectors multiply.
  enum Vectors: CaseIterable {
    case widest
    /// Those of 256 bits.
    case narrow

    func products(threads: Int) throws -> Products {
      let products = try Products(threads: threads)
      return self == .widest ? products.withoutTiles : products.inNarrowVectors
    }
  }

  /// The largest error of a row of results, as a part of the row's root mean square.
  private func error(_ values: ArraySlice<Double>, _ expected: ArraySlice<Double>) -> Double {
    let square = expected.reduce(0) { $0 + $1 * $1 } / Double(expected.count)
    return (zip(values, expected).map { abs($0 - $1) }.max() ?? 0) / square.squareRoot()
  }

  /// Y = X·Wᵀ and dX = dY·W by plain loops, with the results' rows.
  private func expected(
    _ blocks: WeightBlocks, _ x: Matrix, transposed: Bool
  ) -> [Double] {
    let (input, weight) = (x.doubles, blocks.values)
    let count = transposed ? blocks.columns : blocks.rows
    let depth = transposed ? blocks.rows : blocks.columns
    return (0..<x.rows * count).map { index in
      let (row, result) = index.quotientAndRemainder(dividingBy: count)
      return (0..<depth).reduce(0.0) {
        $0 + input[row * depth + $1] * weight[transposed ? $1 * count + result : result * depth + $1]
      }
    }
  }

  private func results(_ products: Products, _ blocks: WeightBlocks, _ x: Matrix, transposed: Bool) -> Matrix {
    let y = Matrix(rows: x.rows, columns: transposed ? blocks.columns : blocks.rows)
    if transposed {
      products.linearBackward(SharedRows(x.view), blocks.matrix(), adding: false, into: y.view)
    } else {
      products.linear(SharedRows(x.view), blocks.matrix(), into: y.view)
    }
    return y
  }

  /// Some inputs are a thousand times as large as those beside them, in some rows and runs; each row keeps its digits.
  @Test(arguments: [WeightFormat.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_k, .q5_k, .q6_k], Vectors.allCases)
  func largeInputsDoNotSpoilTheirNeighbours(_ format: WeightFormat, _ vectors: Vectors) throws {
    // The transposed product with Q6_K is one of float32, which keeps fewer digits here.
    for transposed in format == .q6_k ? [false] : [false, true] { try largeInputs(format, vectors, transposed) }
  }

  private func largeInputs(_ format: WeightFormat, _ vectors: Vectors, _ transposed: Bool) throws {
    let blocks = WeightBlocks(format, rows: 96, columns: 256)
    var generator = SplitMix64(seed: 31)
    let x = generator.matrix(40, transposed ? 96 : 256)
    let products = try vectors.products(threads: 2)
    let plain = expected(blocks, x, transposed: transposed)
    for row in stride(from: 1, to: 40, by: 3) { x[row, (row * 7) % x.columns] *= 1000 }
    // What the large inputs give, but for rounding in float32, is taken off again: the rest must still be there.
    let large = results(products, blocks, x, transposed: transposed)
    let exact = expected(blocks, x, transposed: transposed)
    for row in 0..<40 {
      let range = row * large.columns..<(row + 1) * large.columns
      let rest = zip(large.doubles[range], zip(exact[range], plain[range])).map { $0 - $1.0 + $1.1 }
      #expect(error(rest[...], plain[range]) < 5e-4, "row \(row), transposed: \(transposed)")
    }
  }

  /// A row's bytes are its own affair.
  @Test(arguments: Vectors.allCases) func rowsDoNotDependOnTheirNeighbours(_ vectors: Vectors) throws {
    let blocks = WeightBlocks(.q4_1, rows: 70, columns: 96)
    var generator = SplitMix64(seed: 32)
    let x = generator.matrix(45, 96)
    let products = try vectors.products(threads: 2).choosing(by: .tall)
    let whole = results(products, blocks, x, transposed: false).values
    for rows in [0..<1, 7..<20, 44..<45] {
      let part = Matrix(rows: rows.count, columns: 96, Array(x.values[rows.lowerBound * 96..<rows.upperBound * 96]))
      let own = results(products, blocks, part, transposed: false).values
      #expect(own == Array(whole[rows.lowerBound * 70..<rows.upperBound * 70]), "\(rows)")
    }
  }

  /// Rows stored with the halves of each head interleaved come out in the order of the original model.
  @Test(arguments: [WeightFormat.q4_1, .q8_0, .q4_k, .q6_k], Vectors.allCases)
  func interleavedHeadsComeOutInOrder(_ format: WeightFormat, _ vectors: Vectors) throws {
    for rows in [2, 40] { try interleavedHeads(format, vectors, rows) }
  }

  private func interleavedHeads(_ format: WeightFormat, _ vectors: Vectors, _ rows: Int) throws {
    let blocks = WeightBlocks(format, rows: 72, columns: 256)
    var generator = SplitMix64(seed: 37)
    let x = generator.matrix(rows, 256)
    let products = try vectors.products(threads: 2)
    let stored = results(products, blocks, x, transposed: false)
    let y = Matrix(rows: rows, columns: 72)
    products.linear(SharedRows(x.view), blocks.matrix(interleavedHeadDimension: 12), into: y.view)
    for row in 0..<rows {
      for column in 0..<72 {
        let place = column % 12 < 6 ? 2 * (column % 12) : 2 * (column % 12 - 6) + 1
        #expect(y[row, column] == stored[row, column / 12 * 12 + place], "\(row), \(column)")
      }
    }
  }

  /// With a low-rank update too, however many rows are left over.
  @Test(arguments: [1, 2, 3, 6, 8, 13, 14], Vectors.allCases)
  func updatedRowsDoNotDependOnTheirNeighbours(_ rows: Int, _ vectors: Vectors) throws {
    let blocks = WeightBlocks(.q4_1, rows: 70, columns: 96)
    var generator = SplitMix64(seed: 36)
    let (x, b) = (generator.matrix(45, 96), generator.matrix(70, 4))
    let narrow = generator.matrix(45, NarrowProducts.columns(rank: 4))
    let products = try vectors.products(threads: 2).choosing(by: .tall)
    func updated(_ range: Range<Int>) -> [Float] {
      let y = Matrix(rows: range.count, columns: 70)
      products.linear(
        SharedRows(x.view.rows(range)), blocks.matrix(),
        update: LowRankUpdate(narrow: narrow.view.rows(range), b: b.view, scale: 0.5), into: y.view)
      return y.values
    }
    let whole = updated(0..<45)
    for start in [0, 30] {
      #expect(updated(start..<start + rows) == Array(whole[start * 70..<(start + rows) * 70]), "from row \(start)")
    }
  }

  /// Rows that are packed as they are made, some at a time, are packed as all of them are.
  @Test(arguments: [16, 47, 48, 49, 130], Vectors.allCases)
  func rowsPackedAsTheyAreMadeAreTheSame(_ rows: Int, _ vectors: Vectors) throws {
    let products = try vectors.products(threads: 2)
    let weights = [WeightBlocks(.q4_1, rows: 70, columns: 96), WeightBlocks(.q8_0, rows: 40, columns: 96)]
    var generator = SplitMix64(seed: 34)
    let x = generator.matrix(rows, 96)
    let made = Matrix(rows: rows, columns: 1)
    let packed = products.packedRows(rows, for: weights.map { $0.matrix() }) { range, target in
      for row in range {
        made[row, 0] += 1
        for column in 0..<96 { target.row(row - range.lowerBound)[column] = x[row, column] }
      }
    }
    #expect((packed != nil) == products.hasWords)
    guard let packed else { return }
    #expect(made.values == [Float](repeating: 1, count: rows))
    for blocks in weights {
      let y = Matrix(rows: rows, columns: blocks.rows)
      products.linear(packed, blocks.matrix(), into: y.view)
      #expect(y.values == results(products, blocks, x, transposed: false).values)
    }
  }

  /// A format without words beside one that has them: both get the rows as they are.
  @Test(arguments: Vectors.allCases)
  func rowsAreNotPackedWhereAProductWantsThemAsTheyAre(_ vectors: Vectors) throws {
    let products = try vectors.products(threads: 1)
    let weights = [WeightFormat.q4_k, .q2_k].map { WeightBlocks($0, rows: 32, columns: 256).matrix() }
    #expect(products.packedRows(40, for: weights) { _, _ in } == nil)
  }

  /// The gradient to an input, some outputs at a time.
  @Test(arguments: [WeightFormat.f32, .q4_1, .q8_0, .q6_k]) func gradientsAddUpOverTheRowsOfAWeight(
    _ format: WeightFormat
  ) throws {
    let blocks = WeightBlocks(format, rows: 160, columns: 256)
    var generator = SplitMix64(seed: 35)
    let dy = generator.matrix(40, 160)
    let exact = expected(blocks, dy, transposed: true)
    for products in [try Products(threads: 2)] + (try Vectors.allCases.map { try $0.products(threads: 2) }) {
      let dx = Matrix(rows: 40, columns: 256, [Float](repeating: .nan, count: 40 * 256))
      for (start, end) in [(0, 64), (64, 96), (96, 160)] {
        products.linearBackward(
          SharedRows(dy.view.columns(start..<end)), blocks.matrix().rows(start..<end), adding: start > 0, into: dx.view)
      }
      for row in 0..<40 {
        let range = row * 256..<(row + 1) * 256
        #expect(error(dx.doubles[range], exact[range]) < 5e-4, "row \(row)")
      }
    }
  }

  /// What is not finite spoils its own row and no other.
  @Test(arguments: [Float.nan, .infinity, -.infinity], Vectors.allCases)
  func brokenNumbersShow(_ number: Float, _ vectors: Vectors) throws {
    for transposed in [false, true] { try brokenNumber(number, vectors, transposed) }
  }

  private func brokenNumber(_ number: Float, _ vectors: Vectors, _ transposed: Bool) throws {
    let blocks = WeightBlocks(.q4_1, rows: 64, columns: 96)
    var generator = SplitMix64(seed: 33)
    let x = generator.matrix(30, transposed ? 64 : 96)
    x[17, 5] = number
    let y = results(try vectors.products(threads: 2), blocks, x, transposed: transposed)
    for row in 0..<30 {
      for column in 0..<y.columns { #expect(y[row, column].isFinite == (row != 17), "\(row), \(column)") }
    }
  }

  /// Depths whose packed weights do not fit at once are taken in stretches.
  @Test(arguments: Vectors.allCases) func deepLayersAreTakenInStretches(_ vectors: Vectors) throws {
    // Scales of all sizes stand in one run here, and count to 2⁻¹⁶ of the largest.
    let blocks = WeightBlocks(.q4_0, rows: 6_400, columns: 32)
    var generator = SplitMix64(seed: 34)
    let dy = generator.matrix(18, 6_400)
    let before = generator.normals(18 * 32)
    let expected = zip(expected(blocks, dy, transposed: true), before).map { $0 + Double($1) }
    let dx = Matrix(rows: 18, columns: 32, before)
    try vectors.products(threads: 3).linearBackward(
      SharedRows(dy.view), blocks.matrix(), adding: true, into: dx.view)
    for row in 0..<18 {
      let range = row * 32..<(row + 1) * 32
      #expect(error(dx.doubles[range], expected[range]) < 5e-4, "row \(row)")
    }
  }
}
