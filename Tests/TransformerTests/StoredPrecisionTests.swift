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

  /// What is computed again in the backward pass is what was computed before, whichever layers keep what.
  @Test(arguments: [TinyModelCase.halfPrecision, .gemma3, .qwen3])
  func theGradientDoesNotDependOnWhatIsKept(_ test: TinyModelCase) throws {
    var shape = test.shape
    shape.elementType = .float16
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
    for budget in stride(from: 0, to: 400_000, by: 40_000) { #expect(gradient(budget) == everything, "\(budget)") }
  }
}
