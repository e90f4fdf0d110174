import Checkpoints
import Kernels
import Testing
import TinyModels
import Transformer

/// Windows, norms and biases do not care how sequences are packed: shared prefixes give the gradient of whole sequences.
@Suite struct FamilyPackingTests {
  @Test(arguments: [TinyModelCase.mistral, .qwen2Sliding, .qwen3, .gemma3], [TransformerModel.activationBudget, 0])
  func sharedPrefixesGiveTheSameGradient(_ test: TinyModelCase, _ budget: Int) throws {
    let model = try TinyModel(test.shape)
    let adapter = model.adapter()
    let transformer = try model.transformer(adapter)
    var generator = SplitMix64(seed: 90)
    let vocabulary = model.shape.vocabularySize
    let instruction = generator.tokens(40, vocabulary: vocabulary)
    let question = generator.tokens(21, vocabulary: vocabulary)
    let sequences = [
      instruction + question + generator.tokens(30, vocabulary: vocabulary),
      instruction + question + generator.tokens(9, vocabulary: vocabulary),
      instruction + generator.tokens(50, vocabulary: vocabulary), instruction,
    ]
    let terms = sequences.map { [LossTerm].random($0, vocabulary: vocabulary, &generator) }
    var runs: [(losses: [Double], gradient: Adapter)] = []
    for sharing in [nil, 16] {
      let layout = PackedLayout(sequences, sharingPrefixesFrom: sharing)
      let placed = terms.enumerated().flatMap { sequence, terms in
        terms.map { term in
          var term = term
          term.row = layout.row(sequence: sequence, position: term.row)
          return term
        }
      }
      let gradient = adapter.zeros()
      let losses = transformer.lossGradient(layout, terms: placed, addingTo: gradient, activationBudget: budget)
      runs.append((losses, gradient))
    }
    #expect(largestDifference(runs[0].losses, runs[1].losses) < 1e-4)
    for ((name, whole), (_, shared)) in zip(runs[0].gradient.parameters, runs[1].gradient.parameters) {
      let largest = whole.doubles.map(abs).max() ?? 0
      #expect(largestDifference(whole.doubles, shared.doubles) < 1e-4 * largest, "\(name)")
    }
  }
}
