import Kernels
import Testing
import TinyModels

/// Weights in blocks of 256 through everything that reads them, against plain loops over the formulas' values.
@Suite struct SuperBlockTests {
  private func widened(_ matrix: WeightMatrix, rows: Range<Int>, columns: Range<Int>) -> [Double] {
    let target = Matrix(rows: rows.count, columns: columns.count)
    matrix.widen(rows: rows, columns: columns, into: target.view.base)
    return target.doubles
  }

  /// Windows that begin and end within blocks, at any run of 32; rows of whole heads interleaved.
  @Test(arguments: WeightFormat.superBlocks) func windowsNeedNotBeWholeBlocks(_ format: WeightFormat) {
    let blocks = WeightBlocks(format, rows: 12, columns: 768)
    for interleaved in [nil, 6] {
      let matrix = blocks.matrix(interleavedHeadDimension: interleaved)
      let order = (0..<12).map { row in
        interleaved == nil ? row : row / 6 * 6 + (row % 6 < 3 ? 2 * (row % 3) : 2 * (row % 3) + 1)
      }
      for window in [0..<768, 0..<32, 32..<64, 224..<288, 96..<736, 256..<512, 736..<768, 320..<320] {
        let expected = (1..<9).flatMap { row in window.map { blocks.values[order[row] * 768 + $0] } }
        let found = widened(matrix, rows: 1..<9, columns: window)
        // What rounding d·s·q − m·n in float32 can lose where the two cancel.
        #expect(found.count == expected.count)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-7 * (abs($1) + 20) }, "\(window)")
      }
    }
  }

  /// n rows, [out, in]. With one row, a few and too many for the products from blocks; rows of the weight that fill no
  /// tile; columns whose parts for threads and whose strips for tile registers end within blocks.
  struct Shape: Sendable, CustomTestStringConvertible {
    let rows: Int
    let output: Int
    let input: Int
    var testDescription: String { "\(rows) rows, [\(output), \(input)]" }
    static let all = [
      Shape(rows: 1, output: 5, input: 256), Shape(rows: 1, output: 203, input: 1280),
      Shape(rows: 2, output: 33, input: 512),
      Shape(rows: 7, output: 203, input: 1280), Shape(rows: 15, output: 50, input: 768),
      Shape(rows: 40, output: 101, input: 2304), Shape(rows: 260, output: 65, input: 512),
      Shape(rows: 3, output: 9, input: 16_640),
    ]
  }

  /// What computes: the widest vectors, or tile registers, that the processor has, vectors of 256 bits, float32 alone,
  /// OpenBLAS alone.
  enum Path: CaseIterable { case usual, narrow, single, plain }

  @Test(arguments: WeightFormat.superBlocks + [.q5_0, .q5_1], Shape.all)
  func linearLayersAgreeWithPlainLoops(_ format: WeightFormat, _ shape: Shape) throws {
    let blocks = WeightBlocks(format, rows: shape.output, columns: shape.input)
    var generator = SplitMix64(seed: 31)
    let x = generator.matrix(shape.rows, shape.input)
    let dy = generator.matrix(shape.rows, shape.output)
    let (input, gradient, weight) = (x.doubles, dy.doubles, blocks.values)
    var forward = [Double](repeating: 0, count: shape.rows * shape.output)
    var backward = [Double](repeating: 0, count: shape.rows * shape.input)
    for row in 0..<shape.rows {
      for output in 0..<shape.output {
        var sum = 0.0
        let factor = gradient[row * shape.output + output]
        for index in 0..<shape.input {
          let value = weight[output * shape.input + index]
          sum += input[row * shape.input + index] * value
          backward[row * shape.input + index] += factor * value
        }
        forward[row * shape.output + output] = sum
      }
    }
    for (path, threads) in Path.allCases.flatMap({ [($0, 1), ($0, 3)] }) {
      let all = try Products(threads: threads, plain: path == .plain)
      let products =
        switch path {
        case .usual, .plain: all
        case .narrow: all.inNarrowVectors
        case .single: all.inSinglePrecision
        }
      let y = Matrix(rows: shape.rows, columns: shape.output, [Float](repeating: 9, count: forward.count))
      products.linear(SharedRows(x.view), blocks.matrix(), into: y.view)
      #expect(
        largestDifference(y.doubles, forward) < format.tolerance * largest(forward), "forward, \(path), \(threads)")
      let dx = Matrix(rows: shape.rows, columns: shape.input, [Float](repeating: 9, count: backward.count))
      products.linearBackward(SharedRows(dy.view), blocks.matrix(), adding: false, into: dx.view)
      #expect(
        largestDifference(dx.doubles, backward) < format.tolerance * largest(backward), "backward, \(path), \(threads)")
    }
  }

  private func largest(_ values: [Double]) -> Double { values.map(abs).max() ?? 0 }

  /// How rows are spread over threads must not show.
  @Test(arguments: WeightFormat.superBlocks, [1, 6])
  func threadsDoNotChangeTheResult(_ format: WeightFormat, _ rows: Int) throws {
    let blocks = WeightBlocks(format, rows: 203, columns: 512)
    var generator = SplitMix64(seed: 32)
    let x = generator.matrix(rows, 512)
    let results = try [1, 2, 3, 7].map { threads in
      let y = Matrix(rows: rows, columns: 203)
      try Products(threads: threads).linear(SharedRows(x.view), blocks.matrix(), into: y.view)
      return y.values
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}
