import Checkpoints
import Kernels
import Testing
import TinyModels
import Transformer

/// Weights of 16 bits and fewer may go through products that keep 16 bits of each number. They stay close to what
/// float32 gives, forward and backward; weights in float32 keep all digits.
@Suite struct StoredPrecisionTests {
  @Test(arguments: [TinyModelCase.halfPrecision, .brainFloat, .gemma3, .qwen3])
  func sixteenBitsAreKept(_ test: TinyModelCase) throws {
    var shape = test.shape
    if shape.elementType == .float32 { shape.elementType = .bfloat16 }
    let model = try TinyModel(shape)
    var generator = SplitMix64(seed: 61)
    let tokens = generator.tokens(300, vocabulary: model.shape.vocabularySize)
    let terms = [LossTerm].random(tokens, vocabulary: model.shape.vocabularySize, &generator)
    let adapter = model.adapter()
    var runs: [(logits: [Double], losses: [Double], gradient: Adapter)] = []
    for singlePrecision in [true, false] {
      let transformer = try model.transformer(adapter, singlePrecision: singlePrecision)
      let gradient = adapter.zeros()
      let losses = transformer.lossGradient(PackedLayout([tokens]), terms: terms, addingTo: gradient)
      runs.append((transformer.logits(PackedLayout([tokens])).doubles, losses, gradient))
    }
    let size = runs[0].logits.map(abs).max() ?? 0
    #expect(largestDifference(runs[0].logits, runs[1].logits) < 1e-3 * size)
    #expect(largestDifference(runs[0].losses, runs[1].losses) < 1e-3)
    for ((name, exact), (_, found)) in zip(runs[0].gradient.parameters, runs[1].gradient.parameters) {
      let largest = exact.doubles.map(abs).max() ?? 0
      #expect(largestDifference(exact.doubles, found.doubles) < 1e-3 * largest, "\(name)")
    }
  }

  @Test func singlePrecisionWeightsKeepEveryDigit() throws {
    let model = try TinyModel(TinyModelCase.tied.shape)
    var generator = SplitMix64(seed: 62)
    let layout = PackedLayout([generator.tokens(300, vocabulary: model.shape.vocabularySize)])
    #expect(
      try model.transformer(singlePrecision: false).logits(layout).values
        == model.transformer(singlePrecision: true).logits(layout).values)
  }

  /// What is computed again in the backward pass is what was computed before, whichever layers keep what, and near to it
  /// where inputs alone are more than may be kept.
  @Test(arguments: [TinyModelCase.halfPrecision, .gemma3, .qwen3])
  func theGradientDoesNotDependOnWhatIsKept(_ test: TinyModelCase) throws {
    var shape = test.shape
    shape.elementType = .float16
    shape.layers = 3
    let model = try TinyModel(shape)
    var generator = SplitMix64(seed: 63)
    let tokens = generator.tokens(90, vocabulary: model.shape.vocabularySize)
    let terms = [LossTerm].random(tokens, vocabulary: model.shape.vocabularySize, &generator)
    let adapter = model.adapter()
    let transformer = try model.transformer(adapter, singlePrecision: false)
    func gradient(_ budget: Int) -> [[Float]] {
      let gradient = adapter.zeros()
      _ = transformer.lossGradient(
        PackedLayout([tokens]), terms: terms, addingTo: gradient, activationBudget: budget)
      return gradient.parameters.map(\.matrix.values)
    }
    let everything = gradient(.max)
    let inputs = (shape.layers - 1) * tokens.count * shape.hiddenSize * MemoryLayout<Float>.stride
    for budget in stride(from: inputs, to: inputs + 400_000, by: 40_000) {
      #expect(gradient(budget) == everything, "\(budget)")
    }
    for budget in [0, inputs - 1] {
      for (found, expected) in zip(gradient(budget), everything) {
        let largest = expected.map { abs(Double($0)) }.max() ?? 0
        #expect(largestDifference(found.map(Double.init), expected.map(Double.init)) < 1e-3 * largest, "\(budget)")
      }
    }
  }
}
