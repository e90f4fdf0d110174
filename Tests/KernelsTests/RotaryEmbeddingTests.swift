import Kernels
import Testing
import TinyModels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct RotaryEmbeddingTests {
  private let positions: [Int32] = [0, 1, 7, 150, 3]
  private let frequencies: [Float] = [1, 0.25, 0.0625]

  /// Head after head: (a, b) at (i, i + d/2) is the complex number a + ib, turned by the angle p·f_i.
  private func reference(_ x: [Double]) -> [Double] {
    let width = x.count / positions.count
    var y = x
    for (row, position) in positions.enumerated() {
      for head in 0..<width / 6 {
        for (index, frequency) in frequencies.enumerated() {
          let angle = Double(position) * Double(frequency)
          let first = row * width + head * 6 + index
          y[first] = x[first] * cos(angle) - x[first + 3] * sin(angle)
          y[first + 3] = x[first] * sin(angle) + x[first + 3] * cos(angle)
        }
      }
    }
    return y
  }

  @Test(arguments: [1, 3]) func forwardAgreesWithTheFormula(_ heads: Int) {
    var generator = SplitMix64(seed: 5)
    let x = generator.matrix(5, heads * 6)
    let expected = reference(x.doubles)
    RotaryEmbedding(frequencies: frequencies).apply(x.view, positions: positions, pool: WorkerPool(threads: 2))
    #expect(largestDifference(x.doubles, expected) < 1e-6)
  }

  @Test func backwardAgreesWithCentralDifferences() {
    var generator = SplitMix64(seed: 6)
    let x = generator.matrix(5, 12)
    let gradient = generator.matrix(5, 12)
    let dy = gradient.doubles
    RotaryEmbedding(frequencies: frequencies).apply(
      gradient.view, positions: positions, backward: true, pool: WorkerPool(threads: 2))
    CentralDifferences.expectEveryEntry(of: gradient.doubles, at: x.doubles) { product(reference($0), dy) }
  }
}
