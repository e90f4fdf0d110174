import Kernels
import Testing
import TinyModels

@Suite struct ProductsTests {
  #if EmulatedTiles
    /// Or the tests would try nothing that they are built for.
    @Test func tileRegistersAreEmulated() throws { #expect(try Products(threads: 1).hasTiles) }
  #endif

  /// op(A) · op(B) by plain loops.
  private func reference(_ a: Matrix, _ b: Matrix, _ transposeA: Bool, _ transposeB: Bool) -> [Double] {
    let (x, y) = (a.doubles, b.doubles)
    let rows = transposeA ? a.columns : a.rows
    let inner = transposeA ? a.rows : a.columns
    let columns = transposeB ? b.rows : b.columns
    return (0..<rows * columns).map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      return (0..<inner).reduce(0) { sum, k in
        sum + x[transposeA ? k * a.columns + row : row * a.columns + k]
          * y[transposeB ? column * b.columns + k : k * b.columns + column]
      }
    }
  }

  /// The second shape is tall and the third wide enough to be spread over threads, one with fewer rows than threads.
  @Test(arguments: [(3, 5, 7), (301, 29, 11), (2, 700, 60), (1, 300, 400)], [false, true])
  func everyTranspositionAgreesWithPlainLoops(_ shape: (m: Int, n: Int, k: Int), _ here: Bool) throws {
    var generator = SplitMix64(seed: 13)
    let products = try Products(threads: 4)
    for (transposeA, transposeB) in [(false, false), (false, true), (true, false), (true, true)] {
      let a = transposeA ? generator.matrix(shape.k, shape.m) : generator.matrix(shape.m, shape.k)
      let b = transposeB ? generator.matrix(shape.n, shape.k) : generator.matrix(shape.k, shape.n)
      let expected = reference(a, b, transposeA, transposeB)
      let before = generator.normals(shape.m * shape.n)
      for (alpha, beta) in [(Float(1), Float(0)), (-0.5, 1), (2, 0.25)] {
        let c = Matrix(rows: shape.m, columns: shape.n, before)
        if here {
          products.multiplyHere(
            a.view, b.view, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c.view)
        } else {
          products.multiply(
            a.view, b.view, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c.view)
        }
        let sum = zip(expected, before).map { Double(alpha) * $0 + Double(beta) * Double($1) }
        #expect(largestDifference(c.doubles, sum) < 1e-6 * Double(shape.k + 10), "\(transposeA) \(transposeB) \(alpha)")
      }
    }
  }

  @Test func windowsAreReadAndWrittenInPlace() throws {
    var generator = SplitMix64(seed: 14)
    let (a, b) = (generator.matrix(6, 9), generator.matrix(9, 8))
    let c = Matrix(rows: 6, columns: 8, [Float](repeating: 5, count: 48))
    try Products(threads: 1).multiply(
      a.view.rows(1..<4).columns(2..<7), b.view.rows(2..<7).columns(3..<5), into: c.view.rows(2..<5).columns(1..<3))
    for row in 0..<6 {
      for column in 0..<8 {
        var expected = 5.0
        if (2..<5).contains(row), (1..<3).contains(column) {
          expected = (0..<5).reduce(0.0) { $0 + Double(a[row - 1, 2 + $1]) * Double(b[2 + $1, column + 2]) }
        }
        #expect(abs(Double(c[row, column]) - expected) < 1e-5, "\(row), \(column)")
      }
    }
  }

  /// A layer and its input: n rows, [out, in].
  struct Shape: Sendable, CustomTestStringConvertible {
    let rows: Int
    let output: Int
    let input: Int
    var testDescription: String { "\(rows) rows, [\(output), \(input)]" }
    /// The third takes several tiles a thread in both directions; the next two have rows longer than a tile's and
    /// longer than the scratch memory; the last two go through tile registers in several stretches and either way round.
    static let all = [
      Shape(rows: 1, output: 7, input: 32), Shape(rows: 19, output: 70, input: 96),
      Shape(rows: 3, output: 1100, input: 1024), Shape(rows: 2, output: 33, input: 20_480),
      Shape(rows: 1, output: 2, input: 300_032), Shape(rows: 40, output: 600, input: 2_112),
      Shape(rows: 270, output: 97, input: 160),
    ]
  }

  /// Y ← X·Wᵀ, and dX ← dX + dY·W, whose exact derivative is linear: both against plain loops over the stored values.
  @Test(arguments: WeightFormat.all, Shape.all)
  func linearLayersAgreeWithPlainLoops(_ format: WeightFormat, _ shape: Shape) throws {
    let blocks = WeightBlocks(format, rows: shape.output, columns: shape.input)
    var generator = SplitMix64(seed: 15)
    let x = generator.matrix(shape.rows, shape.input)
    let dy = generator.matrix(shape.rows, shape.output)
    let before = generator.normals(shape.rows * shape.input)
    let (input, gradient, weight) = (x.doubles, dy.doubles, blocks.values)
    var forward = [Double](repeating: 0, count: shape.rows * shape.output)
    var backward = before.map(Double.init)
    for row in 0..<shape.rows {
      for output in 0..<shape.output {
        var sum = 0.0
        let factor = gradient[row * shape.output + output]
        for index in 0..<shape.input {
          sum += input[row * shape.input + index] * weight[output * shape.input + index]
          backward[row * shape.input + index] += factor * weight[output * shape.input + index]
        }
        forward[row * shape.output + output] = sum
      }
    }
    for (threads, products) in try [1, 3].flatMap({ threads in
      let products = try Products(threads: threads)
      return [(threads, products), (threads, products.withoutTiles), (threads, products.inNarrowVectors)]
    }) {
      let y = Matrix(rows: shape.rows, columns: shape.output, [Float](repeating: 9, count: forward.count))
      products.linear(SharedRows(x.view), blocks.matrix(), into: y.view)
      #expect(
        largestDifference(y.doubles, forward) < format.tolerance * largest(forward), "forward, \(threads) threads")
      let dx = Matrix(rows: shape.rows, columns: shape.input, before)
      products.linearBackward(SharedRows(dy.view), blocks.matrix(), into: dx.view)
      #expect(
        largestDifference(dx.doubles, backward) < format.tolerance * largest(backward), "backward, \(threads) threads")
    }
  }

  private func largest(_ values: [Double]) -> Double { values.map(abs).max() ?? 0 }

  /// An interleaved matrix goes through the same products.
  @Test func interleavedRowsAreUsedInOrder() throws {
    let blocks = WeightBlocks(.f32, rows: 12, columns: 20)
    var generator = SplitMix64(seed: 16)
    let x = generator.matrix(4, 20)
    let order = (0..<12).map { $0 / 6 * 6 + ($0 % 6 < 3 ? 2 * ($0 % 3) : 2 * ($0 % 3) + 1) }
    let y = Matrix(rows: 4, columns: 12)
    let products = try Products(threads: 2)
    products.linear(SharedRows(x.view), blocks.matrix(interleavedHeadDimension: 6), into: y.view)
    for row in 0..<4 {
      for (output, stored) in order.enumerated() {
        let expected = (0..<20).reduce(0.0) { $0 + Double(x[row, $1]) * blocks.values[stored * 20 + $1] }
        #expect(abs(Double(y[row, output]) - expected) < 1e-5)
      }
    }
    let dx = Matrix(rows: 4, columns: 20)
    products.linearBackward(
      SharedRows(y.view), blocks.matrix(interleavedHeadDimension: 6), adding: false, into: dx.view)
    for row in 0..<4 {
      for column in 0..<20 {
        let expected = order.enumerated().reduce(0.0) {
          $0 + Double(y[row, $1.offset]) * blocks.values[$1.element * 20 + column]
        }
        #expect(abs(Double(dx[row, column]) - expected) < 1e-4)
      }
    }
  }
}
