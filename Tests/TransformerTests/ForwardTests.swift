import Kernels
import Testing
import TinyModels
import Transformer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct ForwardTests {
  @Test(arguments: TinyModelCase.allCases) func logitsAgreeWithPlainLoops(_ test: TinyModelCase) throws {
    let model = try TinyModel(test.shape)
    var generator = SplitMix64(seed: 20)
    let tokens = generator.tokens(141, vocabulary: model.shape.vocabularySize)
    for adapter in [nil, model.adapter()] {
      let logits = try model.transformer(adapter).logits(PackedLayout([tokens]))
      let expected = ReferenceDecoder(model, adapter: adapter).logits(tokens).flatMap { $0 }
      #expect(largestDifference(logits.doubles, expected) < 1e-4, adapter == nil ? "plain" : "adapted")
    }
  }

  /// A check of the check: the adapter and the rotary scaling do change the logits.
  @Test func whatTheCasesVaryMatters() throws {
    var generator = SplitMix64(seed: 21)
    let model = try TinyModel(TinyModelCase.llama3.shape)
    let tokens = generator.tokens(60, vocabulary: model.shape.vocabularySize)
    let plain = ReferenceDecoder(model).logits(tokens).flatMap { $0 }
    let adapted = ReferenceDecoder(model, adapter: model.adapter()).logits(tokens).flatMap { $0 }
    #expect(largestDifference(plain, adapted) > 0.1)
    var shape = model.shape
    shape.rotaryScaling = .none
    let unscaled = ReferenceDecoder(try TinyModel(shape)).logits(tokens).flatMap { $0 }
    #expect(largestDifference(plain, unscaled) > 0.01)
  }

  /// The same of what the families have: each option of the shape changes the logits.
  @Test func whatTheFamiliesVaryMatters() throws {
    var generator = SplitMix64(seed: 23)
    let tokens = generator.tokens(40, vocabulary: TinyTokenizer.vocabulary.count)
    func logits(_ test: TinyModelCase, _ change: (inout TinyModel.Shape) -> Void = { _ in }) throws -> [Double] {
      var shape = test.shape
      change(&shape)
      return ReferenceDecoder(try TinyModel(shape)).logits(tokens).flatMap { $0 }
    }
    let gemma = try logits(.gemma3)
    for changed in [
      try logits(.gemma3) { $0.slidingWindow = 7 }, try logits(.gemma3) { $0.slidingLayers = [true, true, false] },
      try logits(.gemma3) { $0.slidingRotaryBase = 10_000 }, try logits(.gemma3) { $0.rotaryScaling = .none },
      try logits(.gemma3) { $0.attentionScaleBase = 6 },
    ] {
      #expect(largestDifference(gemma, changed) > 0.01)
    }
    #expect(largestDifference(try logits(.mistral), try logits(.mistral) { $0.slidingWindow = nil }) > 0.01)
    #expect(largestDifference(try logits(.qwen2), try logits(.qwen2Sliding)) > 0.01)
  }

  @Test func logProbabilitiesAreThoseOfTheLogits() throws {
    let model = try TinyModel(TinyModelCase.untied.shape)
    var generator = SplitMix64(seed: 22)
    let tokens = generator.tokens(200, vocabulary: model.shape.vocabularySize)
    let transformer = try model.transformer()
    let states = transformer.states(PackedLayout([tokens]))
    // More rows than a chunk of logits has, out of order and some twice.
    let rows = (0..<300).map { $0 * 7 % 200 }
    let targets = generator.tokens(300, vocabulary: model.shape.vocabularySize)
    let found = transformer.logProbabilities(states, rows: rows, targets: targets)
    let logits = ReferenceDecoder(model).logits(tokens)
    let expected = zip(rows, targets).map { row, target in
      logits[row][Int(target)] - log(logits[row].reduce(0) { $0 + exp($1) })
    }
    #expect(largestDifference(found.map(Double.init), expected) < 1e-4)
  }

  /// A number that is none must show, not pass for certainty.
  @Test func statesThatAreNoNumbersGiveNoProbability() throws {
    let transformer = try TinyModel().transformer()
    let states = Matrix(rows: 2, columns: 32, [Float](repeating: .nan, count: 32) + [Float](repeating: 1, count: 32))
    let found = transformer.logProbabilities(states, rows: [0, 1], targets: [5, 5])
    #expect(found[0].isNaN)
    #expect(found[1] < 0)
  }

  @Test(arguments: [Int32(-1), 259]) func tokensOutsideTheVocabularyAreNamed(_ token: Int32) throws {
    let transformer = try TinyModel().transformer()
    try transformer.validate([0, 258])
    let error = #expect(throws: TokenRangeError.self) { try transformer.validate([3, token]) }
    #expect(error?.description == "token \(token) at position 1 is outside the model's vocabulary of 259")
  }
}
