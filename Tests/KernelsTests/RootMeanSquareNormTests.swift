import Kernels
import Testing
import TinyModels

@Suite struct RootMeanSquareNormTests {
  private let epsilon = 1e-3

  private func reference(_ x: [Double], weight: [Double]) -> [Double] {
    let width = weight.count
    return x.indices.map { index in
      let row = x[index / width * width..<(index / width + 1) * width]
      let square = row.reduce(0) { $0 + $1 * $1 } / Double(width)
      return weight[index % width] * x[index] / (square + epsilon).squareRoot()
    }
  }

  @Test(arguments: [1, 15, 16, 37, 64], [1, 9]) func forwardAgreesWithTheFormula(_ width: Int, _ rows: Int) {
    var generator = SplitMix64(seed: 1)
    let x = generator.matrix(rows, width, scale: 2)
    let weight = generator.normals(width, scale: 0.5, mean: 1)
    let y = Matrix(rows: rows, columns: width)
    let pool = WorkerPool(threads: 2)
    RootMeanSquareNorm.forward(x.view, weight: weight, epsilon: Float(epsilon), into: y.view, pool: pool)
    let expected = reference(x.doubles, weight: weight.map(Double.init))
    #expect(largestDifference(y.doubles, expected) < 1e-5)
    RootMeanSquareNorm.forward(x.view, weight: weight, epsilon: Float(epsilon), into: x.view, pool: pool)
    #expect(x.values == y.values, "in place")
  }

  /// Small inputs make ε matter.
  @Test(arguments: [1, 16, 37], [Float(1), 0.03])
  func backwardAgreesWithCentralDifferences(_ width: Int, _ scale: Float) {
    var generator = SplitMix64(seed: 2)
    let x = generator.matrix(5, width, scale: scale)
    let weight = generator.normals(width, scale: 0.5, mean: 1)
    let dy = generator.matrix(5, width)
    let before = generator.normals(5 * width)
    let dx = Matrix(rows: 5, columns: width, before)
    RootMeanSquareNorm.backward(
      x.view, weight: weight, epsilon: Float(epsilon), outputGradient: dy.view, addingTo: dx.view,
      pool: WorkerPool(threads: 2))
    let gradient = zip(dx.doubles, before).map { $0 - Double($1) }
    CentralDifferences.expectEveryEntry(of: gradient, at: x.doubles) {
      product(reference($0, weight: weight.map(Double.init)), dy.doubles)
    }
  }

  /// Each head of each row is normalised by itself.
  @Test func headsAreRowsOfTheirOwn() {
    var generator = SplitMix64(seed: 5)
    let x = generator.matrix(4, 3 * 10, scale: 2)
    let dy = generator.matrix(4, 3 * 10)
    let weight = generator.normals(10, scale: 0.5, mean: 1)
    let (y, dx) = (Matrix(rows: 4, columns: 30), Matrix(rows: 4, columns: 30))
    let pool = WorkerPool(threads: 2)
    RootMeanSquareNorm.forward(
      x.view.pieces(10), weight: weight, epsilon: Float(epsilon), into: y.view.pieces(10), pool: pool)
    RootMeanSquareNorm.backward(
      x.view.pieces(10), weight: weight, epsilon: Float(epsilon), outputGradient: dy.view.pieces(10),
      addingTo: dx.view.pieces(10), pool: pool)
    // The reference goes by the weight's length, whatever the rows are.
    #expect(largestDifference(y.doubles, reference(x.doubles, weight: weight.map(Double.init))) < 1e-5)
    CentralDifferences.expectEveryEntry(of: dx.doubles, at: x.doubles) {
      product(reference($0, weight: weight.map(Double.init)), dy.doubles)
    }
  }
}
