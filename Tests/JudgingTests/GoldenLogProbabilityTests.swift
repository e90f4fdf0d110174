import Checkpoints
import GoldenData
import Judging
import Kernels
import Prompting
import Records
import Testing
import Tokenizers
import Transformer

@Suite(
  .enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)),
  .enabled(if: GoldenData.modelPath != nil, Comment(rawValue: GoldenData.modelComment)))
struct GoldenLogProbabilityTests {
  /// Prompts and responses from their text, all eight in one packed pass.
  @Test func everyLogProbabilityAgreesWithPyTorch() throws {
    let path = try #require(GoldenData.modelPath)
    let prompter = try RecordPrompter(model: try ModelTokenizer.open(path), prompts: try PromptSet.defaults())
    let model = TransformerModel(checkpoint: try ModelCheckpoint.open(path), products: try Products(threads: 2))
    var requests: [ScoringRequest] = []
    var expected: [(logProbabilities: [Double], norms: [Double])] = []
    for line in try GoldenData.lines("smollm2-logprob.jsonl") {
      let golden = try JSON(parsing: line)
      var record = Record()
      for (field, key) in [("instruction", "system"), ("question", "question"), ("output", "output")] {
        record.set(field, to: golden[key] ?? .null)
      }
      let base = try prompter.requiredPrompt(.base, of: record)
      #expect(base == golden["prompt_tokens"]?.array?.compactMap { $0.integer.map(Int32.init) })
      let output = try #require(try prompter.response(of: record))
      #expect(output == golden["output_tokens"]?.array?.compactMap { $0.integer.map(Int32.init) })
      requests.append(ScoringRequest(base: base, standard: nil, judge: nil, output: output))
      expected.append(
        (
          try #require(golden["logprob"]?.array).compactMap(\.double),
          try #require(golden["hidden_norm"]?.array).compactMap(\.double)
        ))
    }
    #expect(requests.count == 8)
    for (frame, expected) in zip(ResponseScorer(model: model, hidden: .f32).score(requests), expected) {
      let base = try #require(frame.base)
      try #require(base.count == expected.logProbabilities.count)
      let difference = zip(base, expected.logProbabilities).map { abs(Double($0) - $1) }.max() ?? 0
      #expect(difference <= 2e-3)
      let hidden = try #require(frame.hidden)
      try #require(hidden.values.count == expected.norms.count * hidden.dimension)
      for (index, norm) in expected.norms.enumerated() {
        let state = hidden.values[index * hidden.dimension..<(index + 1) * hidden.dimension]
        let own = state.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(own - norm) <= 2e-3 * norm)
      }
    }
  }
}
