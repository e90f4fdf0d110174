import Checkpoints
import GoldenData
import Kernels
import Records
import Sampling
import Testing
import Transformer

@Suite(
  .enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)),
  .enabled(if: GoldenData.modelPath != nil, Comment(rawValue: GoldenData.modelComment)))
struct GoldenGreedyTests {
  /// A batch of three makes responses leave and enter while others go on.
  @Test(arguments: [8, 3]) func everyContinuationAgreesWithPyTorch(_ batch: Int) throws {
    let path = try #require(GoldenData.modelPath)
    let model = TransformerModel(checkpoint: try ModelCheckpoint.open(path), products: try Products(threads: 2))
    let stopTokens = try ModelTokenizer.open(path).stopTokens
    let golden = try GoldenData.lines("smollm2-greedy.jsonl").map { try JSON(parsing: $0) }
    #expect(golden.count == 8)
    func tokens(_ index: Int, _ key: String) -> [Int32] {
      golden[index][key]?.array?.compactMap { $0.integer.map(Int32.init) } ?? []
    }
    let longest = golden.indices.map { tokens($0, "output_tokens").count }.max() ?? 0
    let sampler = Sampler(
      model: model, choice: TokenChoice(temperature: 0), stopTokens: stopTokens, maximumTokens: longest, batch: batch)
    var responses: [Int: [Int32]] = [:]
    var waiting = golden.indices
    try sampler.run { () -> (tag: Int, request: SamplingRequest)? in
      waiting.popFirst().map { ($0, SamplingRequest(prompt: tokens($0, "prompt_tokens"), seed: 0)) }
    } finished: { (tag: Int, response) in
      responses[tag] = try response.get().tokens
    }
    for index in golden.indices {
      let expected = tokens(index, "output_tokens")
      #expect(responses[index].map { Array($0.prefix(expected.count)) } == expected, "continuation \(index)")
    }
  }
}
