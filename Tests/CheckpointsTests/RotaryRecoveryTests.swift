import Checkpoints
import Kernels
import Records
import TemporaryFolders
import Testing
import TinyModels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// GGUF files store what Llama 3.1's rotary scaling does to each frequency; config.json states its parameters.
struct RotaryRecoveryTests {
  struct Scaling: Sendable, CustomTestStringConvertible {
    let base: Float
    let factor: Double
    let high: Double
    let context: Double

    var testDescription: String { "base \(base), factor \(factor), high \(high), context \(context)" }

    /// The divisors as llama.cpp's converter computes them, with low = 1.
    var divisors: [Float] {
      (0..<8).map { index in
        let frequency = 1 / pow(Double(base), Double(2 * index) / 16)
        let wavelength = 2 * Double.pi / frequency
        if wavelength < context / high { return 1 }
        if wavelength > context { return Float(factor) }
        let smooth = (context / wavelength - 1) / (high - 1)
        return Float(1 / ((1 - smooth) / factor + smooth))
      }
    }
  }

  private func exported(_ base: Float, _ divisors: [Float]) throws -> (ModelCheckpoint, ModelCheckpoint, JSON) {
    let folder = try TemporaryFolder()
    var model = SmallModel()
    model.rotaryBase = base
    var file = model.gguf()
    file.tensors.append(
      GGUFWriter.Tensor(name: "rope_freqs.weight", dimensions: [8], type: 0, bytes: SmallModel.bytes(divisors, 0)))
    let path = try folder.write(file.encoded, to: "model.gguf")
    let export = try ModelExport(model: path, adapter: nil)
    try export.write(to: folder.file("out"), as: .bf16, products: Products(threads: 1))
    return (
      export.checkpoint, try ModelCheckpoint.open(folder.file("out")), try JSON(parsing: folder.read("out/config.json"))
    )
  }

  @Test(arguments: [
    // Llama 3.1 and 3.2, with one blended frequency at this head size.
    Scaling(base: 500_000, factor: 8, high: 4, context: 8192),
    Scaling(base: 500_000, factor: 32, high: 4, context: 8192),
    // One blended frequency and an unusual context; several; several with an unusual bound; another factor.
    Scaling(base: 500_000, factor: 8, high: 4, context: 100), Scaling(base: 100, factor: 4, high: 5, context: 100),
    Scaling(base: 100, factor: 2.5, high: 7.25, context: 120),
    Scaling(base: 500_000, factor: 16, high: 4, context: 8000),
  ])
  func parametersAreFoundAgain(_ scaling: Scaling) throws {
    let (own, other, configuration) = try exported(scaling.base, scaling.divisors)
    let worst =
      zip(own.configuration.rotaryFrequencies, other.configuration.rotaryFrequencies)
      .map { abs($0 - $1) / $0 }.max() ?? .infinity
    #expect(worst < 1e-5)
    for rope in [configuration["rope_scaling"], configuration["rope_parameters"]] {
      #expect(rope?["rope_type"] == .string("llama3"))
      #expect(rope?["factor"]?.double == scaling.factor)
      #expect(rope?["low_freq_factor"]?.double == 1)
      #expect(rope?["high_freq_factor"]?.double == scaling.high)
      #expect(rope?["original_max_position_embeddings"]?.integer == Int(scaling.context))
    }
    #expect(configuration["rope_theta"]?.double == Double(scaling.base))
    #expect(configuration["rope_parameters"]?["rope_theta"]?.double == Double(scaling.base))
  }

  @Test func divisorsOfOneScaleNothing() throws {
    let (_, other, configuration) = try exported(10000, [Float](repeating: 1, count: 8))
    #expect(configuration["rope_scaling"] == .null)
    #expect(other.configuration.rotaryScaling == .none)
  }

  @Test(arguments: [[1, 1, 2, 3, 4, 5, 6, 7], [8, 8, 1, 1, 1, 1, 1, 1], [0.5, 1, 1, 1, 1, 1, 1, 1]] as [[Float]])
  func otherDivisorsAreRefused(_ divisors: [Float]) {
    #expect(
      failure { _ = try exported(10000, divisors) }.hasSuffix(
        "the factors in rope_freqs.weight are not those of Llama 3.1's scaling, so config.json cannot state them"))
  }
}
