import Checkpoints
import Kernels
import Testing
import TinyModels
import Training

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct AdamWTests {
  private let adapter: Adapter

  init() throws { adapter = try TinyModel().adapter(targets: [.query, .down]) }

  /// AdamW of arXiv 1711.05101, algorithm 2, without decay, in double precision.
  private struct Reference {
    var x: [Double]
    var m: [Double]
    var v: [Double]
    var t = 0

    init(_ x: [Double]) {
      self.x = x
      m = x.map { _ in 0 }
      v = m
    }

    mutating func step(_ gradient: [Double], rate: Double) {
      t += 1
      for index in x.indices {
        m[index] = 0.9 * m[index] + 0.1 * gradient[index]
        v[index] = 0.999 * v[index] + 0.001 * gradient[index] * gradient[index]
        let first = m[index] / (1 - pow(0.9, Double(t)))
        let second = v[index] / (1 - pow(0.999, Double(t)))
        x[index] -= rate * first / (second.squareRoot() + 1e-8)
      }
    }
  }

  private func random(_ generator: inout SplitMix64, scale: Float) -> Adapter {
    let gradient = adapter.zeros()
    for (_, matrix) in gradient.parameters {
      matrix.fill(generator.normals(matrix.rows * matrix.columns, scale: scale))
    }
    return gradient
  }

  private func values(_ adapter: Adapter) -> [Double] { adapter.parameters.flatMap { $0.matrix.doubles } }

  /// Gradients of very different sizes, some of them zero, some near ε.
  @Test(arguments: [Float(1), 1e-3, 1e-8, 1e4]) func severalStepsAgreeWithDoublePrecision(_ scale: Float) {
    var generator = SplitMix64(seed: 1)
    var optimizer = AdamW(for: adapter)
    let start = values(adapter)
    var reference = Reference(start)
    let rates = [0.0, 1e-2, 5e-3, 1e-2, 2e-2, 1e-3, 0, 1e-2]
    for (step, rate) in rates.enumerated() {
      let gradient = random(&generator, scale: step == 4 ? 0 : scale)
      reference.step(values(gradient), rate: rate)
      optimizer.update(adapter, gradient: gradient, learningRate: rate)
      #expect(optimizer.steps == step + 1)
      let moved = zip(reference.x, start).map { $0 - $1 }
      let found = zip(values(adapter), start).map { $0 - $1 }
      let largest = moved.map(abs).max() ?? 0
      #expect(step == 0 ? largest == 0 : largest > 1e-4)
      for (a, b) in zip(found, moved) { #expect(abs(a - b) < 1e-4 * largest + 1e-6) }
    }
    for (found, expected) in [(optimizer.first, reference.m), (optimizer.second, reference.v)] {
      let largest = expected.map(abs).max() ?? 0
      for (a, b) in zip(values(found), expected) { #expect(abs(a - b) < 1e-5 * largest) }
    }
  }

  @Test func clippingScalesTheWholeGradient() {
    var generator = SplitMix64(seed: 2)
    let gradient = random(&generator, scale: 1)
    let before = values(gradient)
    let norm = before.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(gradient.norm - norm) < 1e-9 * norm)
    #expect(gradient.clip(norm: 2 * norm) == gradient.norm)
    #expect(values(gradient) == before, "below the limit nothing changes")
    #expect(abs(gradient.clip(norm: norm / 4) - norm) < 1e-9 * norm)
    for (found, value) in zip(values(gradient), before) { #expect(abs(found - value / 4) < 1e-6 * abs(value)) }
    let zeros = adapter.zeros()
    #expect(zeros.clip(norm: 1) == 0)
    #expect(values(zeros).allSatisfy { $0 == 0 })
  }
}
