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

extension GateActivation {
  static let all = [GateActivation.silu, .geluTanh]

  /// By the formulas of their papers.
  fileprivate func value(_ g: Double) -> Double {
    switch self {
    case .silu: g / (1 + exp(-g))
    case .geluTanh: g / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (g + 0.044715 * g * g * g)))
    }
  }
}

@Suite struct GatedActivationTests {
  private func reference(_ activation: GateActivation, _ gate: [Double], _ up: [Double]) -> [Double] {
    zip(gate, up).map { activation.value($0) * $1 }
  }

  private func inputs(_ width: Int, scale: Float, seed: UInt64) -> (gate: Matrix, up: Matrix, dy: Matrix) {
    var generator = SplitMix64(seed: seed)
    return (generator.matrix(3, width, scale: scale), generator.matrix(3, width), generator.matrix(3, width))
  }

  /// A scale of 20 reaches where the logistic function is flat on both sides.
  @Test(arguments: GateActivation.all, [(1, Float(1)), (16, 1), (37, 1), (1, 20), (16, 20), (37, 20)])
  func forwardAgreesWithTheFormula(_ activation: GateActivation, _ size: (width: Int, scale: Float)) {
    let (gate, up, _) = inputs(size.width, scale: size.scale, seed: 3)
    let y = Matrix(rows: 3, columns: size.width)
    GatedActivation.forward(activation, gate: gate.view, up: up.view, into: y.view, pool: WorkerPool(threads: 2))
    let expected = reference(activation, gate.doubles, up.doubles)
    #expect(largestDifference(y.doubles, expected) < 2e-6 * Double(size.scale))
  }

  @Test(arguments: GateActivation.all) func extremeGatesStayFinite(_ activation: GateActivation) {
    let gate = Matrix(rows: 1, columns: 6, [-1e30, -1000, -90, 90, 1000, 1e30])
    let up = Matrix(rows: 1, columns: 6, [Float](repeating: 1, count: 6))
    let y = Matrix(rows: 1, columns: 6)
    let pool = WorkerPool(threads: 1)
    GatedActivation.forward(activation, gate: gate.view, up: up.view, into: y.view, pool: pool)
    #expect(abs(y[0, 1]) < 1e-30 && abs(y[0, 2]) < 1e-30)
    #expect(Array(y.values[3...]) == [90, 1000, 1e30])
    #expect(y.values.allSatisfy { $0.isFinite })
    let dy = Matrix(rows: 1, columns: 6, [Float](repeating: 1, count: 6))
    GatedActivation.backward(activation, outputGradient: dy.view, gate: gate.view, up: up.view, pool: pool)
    #expect(abs(gate[0, 1]) < 1e-30 && abs(gate[0, 2]) < 1e-30)
    #expect(Array(gate.values[3...]) == [1, 1, 1])
    #expect(gate.values.allSatisfy { $0.isFinite })
  }

  @Test(arguments: GateActivation.all, [1, 16, 37])
  func backwardAgreesWithCentralDifferences(_ activation: GateActivation, _ width: Int) {
    let (gate, up, dy) = inputs(width, scale: 2, seed: 4)
    let (g, u) = (gate.doubles, up.doubles)
    GatedActivation.backward(
      activation, outputGradient: dy.view, gate: gate.view, up: up.view, pool: WorkerPool(threads: 2))
    CentralDifferences.expectEveryEntry(of: gate.doubles, at: g, "gate") {
      product(reference(activation, $0, u), dy.doubles)
    }
    CentralDifferences.expectEveryEntry(of: up.doubles, at: u, "up") {
      product(reference(activation, g, $0), dy.doubles)
    }
  }
}
