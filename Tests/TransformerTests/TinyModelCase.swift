import Checkpoints
import Kernels
import Tensors
import Testing
import TinyModels
import Transformer

/// Shapes of tiny models that between them take every branch of the forward pass.
enum TinyModelCase: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case tied, untied, llama3, everyHeadItsOwn, oneKeyHead, halfPrecision, brainFloat, oneLayer
  case mistral, qwen2, qwen2Sliding, qwen3, gemma3

  var testDescription: String { rawValue }

  var shape: TinyModel.Shape {
    var shape = TinyModel.Shape()
    switch self {
    case .tied: break
    case .untied: shape.tiedHead = false
    case .llama3:
      shape.tiedHead = false
      shape.rotaryBase = 500_000
      // With d = 6 the three frequencies fall into the three ranges: kept, blended, divided.
      shape.rotaryScaling = .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 1000)
    case .everyHeadItsOwn: shape.keyHeads = 4
    case .oneKeyHead:
      shape.keyHeads = 1
      shape.headDimension = 16
    case .halfPrecision: shape.elementType = .float16
    case .brainFloat: shape.elementType = .bfloat16
    case .oneLayer: shape.layers = 1
    case .mistral:
      shape.family = .mistral
      shape.slidingWindow = 5
      shape.rotaryScaling = .linear(factor: 3)
    case .qwen2: shape.family = .qwen2
    case .qwen2Sliding:
      shape.family = .qwen2
      shape.slidingWindow = 4
      shape.slidingLayers = [false, true]
    case .qwen3: shape.family = .qwen3
    case .gemma3:
      shape.family = .gemma3
      shape.layers = 3
      shape.slidingWindow = 6
      shape.slidingLayers = [true, false, true]
      shape.rotaryBase = 50_000
      shape.slidingRotaryBase = 300
      shape.rotaryScaling = .linear(factor: 2.5)
    }
    return shape
  }
}

extension TinyModel {
  /// The model ready to run.
  /// - Parameter singlePrecision: whether products keep float32's digits whatever the weights are stored in, so that
  ///   formulas can be told from roundings.
  func transformer(
    _ adapter: Adapter? = nil, threads: Int = 2, singlePrecision: Bool = true
  ) throws -> TransformerModel {
    let products = try Products(threads: threads)
    return TransformerModel(
      checkpoint: try checkpoint(), adapter: adapter,
      products: singlePrecision ? products.inSinglePrecision : products)
  }
}

extension [LossTerm] {
  /// Random terms at every position of a sequence but the last: likelihood, unlikelihood, both, and none in turn.
  static func random(_ tokens: [Int32], vocabulary: Int, _ generator: inout SplitMix64) -> [LossTerm] {
    tokens.indices.dropLast().map { position in
      let weights = (Float(0.5 + generator.unit()), Float(0.5 + generator.unit()))
      return LossTerm(
        row: position, target: generator.tokens(1, vocabulary: vocabulary)[0],
        likelihood: position % 4 == 1 || position % 4 == 3 ? 0 : weights.0,
        unlikelihood: position % 4 == 0 || position % 4 == 3 ? 0 : weights.1)
    }
  }
}

/// max |a − b|; infinite if the lengths differ or an entry is no number.
func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).reduce(0) { largest, pair in
    let difference = abs(pair.0 - pair.1)
    return difference.isNaN ? .infinity : Swift.max(largest, difference)
  }
}
