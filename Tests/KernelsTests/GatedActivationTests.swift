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

@Suite struct GatedActivationTests {
  private func reference(_ gate: [Double], _ up: [Double]) -> [Double] {
    zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
  }

  /// A scale of 20 reaches where the logistic function is flat on both sides.
  @Test(arguments: [1, 16, 37], [Float(1), 20]) func forwardAgreesWithTheFormula(_ width: Int, _ scale: Float) {
    var generator = SplitMix64(seed: 3)
    let gate = generator.matrix(3, width, scale: scale)
    let up = generator.matrix(3, width)
    let y = Matrix(rows: 3, columns: width)
    GatedActivation.forward(gate: gate.view, up: up.view, into: y.view, pool: WorkerPool(threads: 2))
    #expect(largestDifference(y.doubles, reference(gate.doubles, up.doubles)) < 2e-6 * Double(scale))
  }

  @Test func extremeGatesStayFinite() {
    let gate = Matrix(rows: 1, columns: 6, [-1e30, -1000, -90, 90, 1000, 1e30])
    let up = Matrix(rows: 1, columns: 6, [Float](repeating: 1, count: 6))
    let y = Matrix(rows: 1, columns: 6)
    GatedActivation.forward(gate: gate.view, up: up.view, into: y.view, pool: WorkerPool(threads: 1))
    #expect(abs(y[0, 1]) < 1e-30 && abs(y[0, 2]) < 1e-30)
    #expect(Array(y.values[3...]) == [90, 1000, 1e30])
    #expect(y.values.allSatisfy { $0.isFinite })
  }

  @Test(arguments: [1, 16, 37]) func backwardAgreesWithCentralDifferences(_ width: Int) {
    var generator = SplitMix64(seed: 4)
    let gate = generator.matrix(3, width, scale: 2)
    let up = generator.matrix(3, width)
    let dy = generator.matrix(3, width)
    let (g, u) = (gate.doubles, up.doubles)
    GatedActivation.backward(outputGradient: dy.view, gate: gate.view, up: up.view, pool: WorkerPool(threads: 2))
    CentralDifferences.expectEveryEntry(of: gate.doubles, at: g, "gate") { product(reference($0, u), dy.doubles) }
    CentralDifferences.expectEveryEntry(of: up.doubles, at: u, "up") { product(reference(g, $0), dy.doubles) }
  }
}
