import Checkpoints
import Prompting
import Records
import Sampling
import Tokenizers
import Transformer

/// The model as its own critic: it reads question, standard answer and response, and says what went wrong.
public struct SelfCritic {
  private let model: TransformerModel
  private let prompter: RecordPrompter
  private let sampler: Sampler

  /// A critic that writes at most `maximumTokens` tokens, the most likely one each time.
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
    let prompts = records.map { record in
      Result {
        let prompt = try prompter.requiredPrompt(.critique, of: record)
        try model.validate(prompt)
        return prompt
      }
    }
    var results: [Result<String, any Error>] = prompts.map { $0.map { _ in "" } }
    var waiting = prompts.enumerated().compactMap { index, prompt in
      (try? prompt.get()).map { (tag: index, request: SamplingRequest(prompt: $0, seed: 0)) }
    }[...]
    try sampler.run { () -> (tag: Int, request: SamplingRequest)? in
      waiting.popFirst()
    } finished: { (index: Int, response: SampledResponse) in
      let text = prompter.text(of: response.tokens).trimmed
      results[index] = text.isEmpty ? .failure(RecordError("the critic wrote nothing")) : .success(text)
    }
    return results
  }
}

extension String {
  fileprivate var trimmed: String {
    let space: (Character) -> Bool = { $0.isWhitespace }
    return String(drop(while: space).reversed().drop(while: space).reversed())
  }
}
