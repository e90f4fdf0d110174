import Kernels
import Testing
import TinyModels

@Suite struct RoundedRowsTests {
  /// A matrix between others, stored and read back.
  private func rounded(_ x: Matrix) -> Matrix {
    let kept = RoundedRows(rows: x.rows, columns: [33, x.columns, 64])
    let ones = [33, 64].map { Matrix(rows: x.rows, columns: $0, [Float](repeating: 1, count: x.rows * $0)) }
    kept.store(0, 0..<x.rows, ones[0].view)
    kept.store(1, 0..<x.rows, x.view)
    kept.store(2, 0..<x.rows, ones[1].view)
    for (place, one) in zip([0, 2], ones) {
      let beside = Matrix(rows: x.rows, columns: one.columns)
      kept.load(place, 0..<x.rows, into: beside.view)
      #expect(beside.values == one.values)
    }
    let result = Matrix(rows: x.rows, columns: x.columns)
    kept.load(1, 0..<x.rows, into: result.view)
    return result
  }

  @Test(arguments: [1, 31, 32, 33, 96, 130], [1, 5, 40])
  func eachNumberIsWithinAPartOfItsRunsLargest(_ columns: Int, _ rows: Int) {
    var generator = SplitMix64(seed: 71)
    let x = generator.matrix(rows, columns)
    // Runs of very different size side by side.
    for row in 0..<rows { for column in 0..<columns { x[row, column] *= column < 32 ? 1e-4 : 1e4 } }
    let found = rounded(x)
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: 32) {
        let run = start..<min(columns, start + 32)
        let largest = run.map { abs(x[row, $0]) }.max() ?? 0
        for column in run { #expect(abs(found[row, column] - x[row, column]) <= largest * 1.6e-5) }
      }
    }
  }

  @Test func partsOfTheLargestComeBack() {
    let run = (0..<32).map { Float($0 * 2000 - 32767) * 0.25 }
    let values = run + run.map { -$0 }
    #expect(rounded(Matrix(rows: 1, columns: 64, values)).values == values)
    #expect(rounded(Matrix(rows: 2, columns: 40)).values.allSatisfy { $0 == 0 })
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity]) func whatIsNotFiniteStaysInItsRun(_ value: Float) {
    let x = Matrix(rows: 2, columns: 64, [Float](repeating: 1, count: 128))
    x[1, 40] = value
    let found = rounded(x)
    for row in 0..<2 {
      for column in 0..<64 {
        #expect(row == 1 && column >= 32 ? !found[row, column].isFinite : abs(found[row, column] - 1) < 1e-6)
      }
    }
  }

  @Test func someRowsAreStoredAndReadAlone() {
    var generator = SplitMix64(seed: 73)
    let x = generator.matrix(9, 48)
    let expected = rounded(x).values
    let kept = RoundedRows(rows: 9, columns: [48])
    kept.store(0, 0..<4, x.view.rows(0..<4))
    kept.store(0, 4..<9, x.view.rows(4..<9))
    let part = Matrix(rows: 3, columns: 48)
    kept.load(0, 3..<6, into: part.view)
    #expect(part.values == Array(expected[3 * 48..<6 * 48]))
  }

  @Test(arguments: [1, 32, 70]) func roundingIsStoringAndReading(_ columns: Int) {
    var generator = SplitMix64(seed: 79)
    let x = generator.matrix(5, columns)
    let expected = rounded(x).values
    RoundedRows.round(x.view)
    #expect(x.values == expected)
  }
}
