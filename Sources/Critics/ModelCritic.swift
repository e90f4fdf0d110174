import Checkpoints
import Prompting
import Records
import Sampling
import Tokenizers
import Transformer

/// A model as critic, the trained one or another: it reads question, standard answer and response, and says what went
/// wrong.
public struct ModelCritic {
  private let model: TransformerModel
  private let prompter: RecordPrompter
  private let sampler: Sampler

  /// A critic that writes at most `maximumTokens` tokens, the most likely one each time.
  /// - Parameter prompter: of this model, whose tokenizer and chat template it reads and writes with.
  public init(model: TransformerModel, prompter: RecordPrompter, maximumTokens: Int, batch: Int) {
    self.model = model
    self.prompter = prompter
    sampler = Sampler(
      model: model, choice: TokenChoice(temperature: 0), stopTokens: prompter.model.stopTokens,
      maximumTokens: maximumTokens, batch: batch)
  }

  /// The critiques of incorrect records, in their order; a failure where a record lacks what the prompt needs, or
  /// the model wrote nothing.
  public func critiques(of records: [Record]) throws -> [Result<String, any Error>] {
    let prompts = records.map { record in Result { try prompt(of: record) } }
    var results: [Result<String, any Error>] = prompts.map { $0.map { _ in "" } }
    var waiting = prompts.enumerated().compactMap { index, prompt in
      (try? prompt.get()).map { (tag: index, request: SamplingRequest(prompt: $0, seed: 0)) }
    }[...]
    try sampler.run { () -> (tag: Int, request: SamplingRequest)? in
      waiting.popFirst()
    } finished: { (index: Int, response: Result<SampledResponse, SamplingError>) in
      results[index] = Result {
        let text = prompter.text(of: try response.get().tokens).trimmed
        guard !text.isEmpty else { throw RecordError("the critic wrote nothing") }
        return text
      }
    }
    return results
  }

  private func prompt(of record: Record) throws -> [Int32] {
    let prompt = try prompter.requiredPrompt(.critique, of: record)
    try model.validate(prompt)
    let limit = model.configuration.contextLength
    guard prompt.count < limit else {
      throw RecordError(
        "the critique prompt has \(prompt.count) tokens, expected fewer than the critic's context of \(limit)")
    }
    return prompt
  }
}
