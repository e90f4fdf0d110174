import Kernels
import Testing
import TinyModels

/// Against plain loops in double precision.
@Suite struct NarrowProductsTests {
  /// Rows, columns and rank; neither are rows multiples of what is taken together, nor ranks of a vector's lanes.
  struct Shape: Sendable, CustomTestStringConvertible {
    let rows: Int
    let columns: Int
    let rank: Int
    var testDescription: String { "\(rows) rows of \(columns), rank \(rank)" }
    static let all = [
      Shape(rows: 1, columns: 16, rank: 1), Shape(rows: 21, columns: 48, rank: 5),
      Shape(rows: 135, columns: 560, rank: 16), Shape(rows: 70, columns: 320, rank: 23),
    ]
  }

  private func dropout(_ rows: Int) -> RowDropout {
    RowDropout(
      mask: DropoutMask(rate: 0.4, seed: 8), keys: (0..<rows).map { SplitMix64.mixed(UInt64($0)) })
  }

  /// X with the entries dropped that the mask drops.
  private func dropped(_ x: Matrix, _ dropout: RowDropout?) -> [Double] {
    guard let dropout else { return x.doubles }
    let copy = Matrix(rows: x.rows, columns: x.columns)
    dropout.apply(x.view, into: copy.view, pool: WorkerPool(threads: 1))
    #expect(copy.values != x.values || x.rows * x.columns < 20)
    return copy.doubles
  }

  private func product(_ a: [Double], _ b: [Double], inner: Int, columns: Int) -> [Double] {
    (0..<a.count / inner * columns).map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      return (0..<inner).reduce(0) { $0 + a[row * inner + $1] * b[$1 * columns + column] }
    }
  }

  private func transposed(_ a: [Double], columns: Int) -> [Double] {
    let rows = a.count / columns
    return (0..<a.count).map { a[$0 % rows * columns + $0 / rows] }
  }

  private func largest(_ values: [Double]) -> Double { values.map(abs).max() ?? 0 }

  @Test(arguments: Shape.all, [false, true]) func productsAgreeWithPlainLoops(_ shape: Shape, _ drops: Bool) {
    var generator = SplitMix64(seed: 21)
    let x = generator.matrix(shape.rows, shape.columns)
    let factor = generator.matrix(shape.rank, shape.columns)
    let before = generator.normals(shape.rows * shape.columns)
    let dropout = drops ? dropout(shape.rows) : nil
    let width = NarrowProducts.columns(rank: shape.rank)
    #expect(width % 16 == 0 && width >= shape.rank && width < shape.rank + 16)
    let kept = dropped(x, dropout)
    let factors = factor.doubles
    let narrow = product(
      kept, transposed(factors, columns: shape.columns), inner: shape.columns, columns: shape.rank)
    func cut(_ matrix: Matrix) -> [Double] {
      let values = matrix.doubles
      return (0..<matrix.rows).flatMap { row in (0..<shape.rank).map { values[row * matrix.columns + $0] } }
    }
    for threads in [1, 3] {
      let lanes = NarrowProducts(pool: WorkerPool(threads: threads))
      let n = Matrix(rows: shape.rows, columns: width, [Float](repeating: 7, count: shape.rows * width))
      lanes.project(
        x.view, dropout: dropout, NarrowProducts.transposed(factor.view).view, alpha: -0.5, into: n.view)
      #expect(largestDifference(cut(n), narrow.map { -0.5 * $0 }) < 1e-6 * largest(narrow) + 1e-6)
      for row in 0..<n.rows { for column in shape.rank..<width { #expect(n[row, column] == 0) } }

      let correlation = lanes.correlation(x.view, dropout: dropout, n.view)
      let expected = product(
        transposed(kept, columns: shape.columns), cut(n), inner: shape.rows, columns: shape.rank)
      #expect(correlation.rows == shape.columns && correlation.columns == width)
      #expect(largestDifference(cut(correlation), expected) < 1e-6 * largest(expected) + 1e-6)

      let y = Matrix(rows: shape.rows, columns: shape.columns, before)
      lanes.expand(n.view, factor.view, dropout: dropout, addingTo: y.view)
      let wide = Matrix(
        rows: shape.rows, columns: shape.columns,
        product(cut(n), factors, inner: shape.rank, columns: shape.columns).map { Float($0) })
      let sums = zip(before, dropped(wide, dropout)).map { Double($0) + $1 }
      #expect(largestDifference(y.doubles, sums) < 1e-6 * largest(sums) + 1e-6)
    }
  }

  /// A row's numbers are the same to the last bit, whatever rows and threads are beside it.
  @Test func rowsDoNotDependOnOthers() {
    var generator = SplitMix64(seed: 22)
    let x = generator.matrix(40, 96)
    let factor = NarrowProducts.transposed(generator.matrix(7, 96).view)
    func projected(_ rows: Range<Int>, threads: Int) -> [Float] {
      let n = Matrix(rows: rows.count, columns: 16)
      NarrowProducts(pool: WorkerPool(threads: threads)).project(x.view.rows(rows), factor.view, into: n.view)
      return n.values
    }
    let whole = projected(0..<40, threads: 1)
    #expect(projected(0..<40, threads: 3) == whole)
    for row in [0, 9, 39] { #expect(projected(row..<row + 1, threads: 1) == Array(whole[row * 16..<row * 16 + 16])) }
  }

  /// Y ← X·Wᵀ + s·N·Bᵀ as one product, with many rows and with few, for weights whose last panel is not whole.
  @Test(arguments: [(20, 97), (300, 97), (300, 576), (3, 40)], [4, 16, 32])
  func layersTakeUpdatesAlong(_ shape: (rows: Int, output: Int), _ rank: Int) throws {
    let blocks = WeightBlocks(.q4_1, rows: shape.output, columns: 160)
    var generator = SplitMix64(seed: 23)
    let x = generator.matrix(shape.rows, 160)
    let narrow = Matrix(rows: shape.rows, columns: NarrowProducts.columns(rank: rank))
    for row in 0..<shape.rows { for place in 0..<rank { narrow[row, place] = generator.normals(1)[0] } }
    let b = generator.matrix(shape.output, rank)
    let (input, weight, update, outputs) = (x.doubles, blocks.values, narrow.doubles, b.doubles)
    let expected = (0..<shape.rows * shape.output).map { index in
      let (row, output) = index.quotientAndRemainder(dividingBy: shape.output)
      let layer = (0..<160).reduce(0.0) { $0 + input[row * 160 + $1] * weight[output * 160 + $1] }
      return (0..<rank).reduce(layer) {
        $0 + 0.25 * update[row * narrow.columns + $1] * outputs[output * rank + $1]
      }
    }
    for (threads, products) in [
      (1, try Products(threads: 1)), (3, try Products(threads: 3).withoutTiles),
      (2, try Products(threads: 2).inNarrowVectors),
    ] {
      let y = Matrix(rows: shape.rows, columns: shape.output, [Float](repeating: 9, count: expected.count))
      products.linear(
        SharedRows(x.view), blocks.matrix(), update: LowRankUpdate(narrow: narrow.view, b: b.view, scale: 0.25),
        into: y.view)
      #expect(largestDifference(y.doubles, expected) < 4e-5 * largest(expected), "\(threads) threads")
    }
  }
}
