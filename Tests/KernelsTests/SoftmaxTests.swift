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

@Suite struct SoftmaxTests {
  private func reference(_ x: [Double]) -> (probabilities: [Double], logNormalizer: Double) {
    let largest = x.max() ?? 0
    let sum = x.reduce(0) { $0 + exp($1 - largest) }
    return (x.map { exp($0 - largest) / sum }, largest + log(sum))
  }

  @Test(arguments: [1, 2, 15, 16, 17, 100, 4095, 4097, 10_000], [Float(1), 0.35])
  func forwardAndNormalizerAgreeWithTheFormula(_ count: Int, _ scale: Float) {
    var generator = SplitMix64(seed: UInt64(count))
    let x = generator.matrix(1, count, scale: 6)
    let expected = reference(x.doubles.map { $0 * Double(scale) })
    let normalizer = Softmax.logNormalizer(x.view.base, count: count)
    #expect(abs(normalizer - reference(x.doubles).logNormalizer) < 2e-6)
    let returned = Softmax.forward(x.view.base, count: count, scale: scale)
    #expect(abs(Double(returned) - expected.logNormalizer) < 1e-5)
    for (probability, exact) in zip(x.doubles, expected.probabilities) {
      #expect(abs(probability - exact) <= 1e-5 * exact)
    }
  }

  /// The smallest probabilities keep their relative precision, and none is lost to overflow.
  @Test func logitsFarApart() {
    let logits: [Float] = [-90, 3000, 2990, 2950, 2915, -3000]
    let x = Matrix(rows: 1, columns: logits.count, logits)
    #expect(abs(Softmax.logNormalizer(x.view.base, count: logits.count) - 3000.000_045_398_9) < 1e-6)
    Softmax.forward(x.view.base, count: logits.count)
    for (value, logit) in zip(x.doubles, logits) where logit > 2900 {
      #expect(abs(value / (exp(Double(logit) - 3000) / (1 + exp(-10))) - 1) < 1e-5)
    }
    #expect(x[0, 0] < 1e-37 && x[0, 5] < 1e-37)
  }

  @Test(arguments: [5, 16, 33]) func scaledProbabilitiesAgreeWithTheFormula(_ count: Int) {
    var generator = SplitMix64(seed: 8)
    let x = generator.matrix(1, count, scale: 3)
    let expected = reference(x.doubles)
    Softmax.scaledProbabilities(
      x.view.base, count: count, logNormalizer: expected.logNormalizer, coefficient: -2.5)
    #expect(largestDifference(x.doubles, expected.probabilities.map { -2.5 * $0 }) < 1e-5)
  }

  @Test(arguments: [0, 5, 20]) func aNumberThatIsNoneIsNotLost(_ place: Int) {
    var generator = SplitMix64(seed: 9)
    let x = generator.matrix(1, 21)
    x[0, place] = .nan
    #expect(Softmax.logNormalizer(x.view.base, count: 21).isNaN)
    #expect(Softmax.forward(x.view.base, count: 21).isNaN)
  }
}
