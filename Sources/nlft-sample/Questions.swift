import Prompting
import Records
import Sampling
import Tokenizers
import ToolSupport
import Transformer

/// The records on their way through the sampler: each asked `samples` times, complete when the last response is there.
final class Questions {
  /// One of the responses to a record.
  struct Tag {
    fileprivate let question: Question
    fileprivate let sample: Int
  }

  fileprivate final class Question {
    let numbered: NumberedRecord
    /// The prompt that the response is to be learnt under, whatever it was asked with.
    let base: [Int32]
    var responses: [Result<SampledResponse, SamplingError>?]

    init(_ numbered: NumberedRecord, base: [Int32], samples: Int) {
      self.numbered = numbered
      self.base = base
      responses = Array(repeating: nil, count: samples)
    }
  }

  private let prompter: RecordPrompter
  private let asked: PromptKind
  private let model: TransformerModel
  private let samples: Int
  private let seed: UInt64
  private let stream: ToolStream
  private var waiting: [(tag: Tag, request: SamplingRequest)] = []

  init(
    prompter: RecordPrompter, asked: PromptKind, model: TransformerModel, samples: Int, seed: UInt64,
    stream: ToolStream
  ) {
    self.prompter = prompter
    self.asked = asked
    self.model = model
    self.samples = samples
    self.seed = seed
    self.stream = stream
  }

  /// The next request; records that cannot be asked fail on the way.
  func next() throws -> (tag: Tag, request: SamplingRequest)? {
    while waiting.isEmpty {
      guard let numbered = try stream.next() else { return nil }
      do {
        let base = try prompter.requiredPrompt(.base, of: numbered.record)
        let prompt = asked == .base ? base : try prompter.requiredPrompt(asked, of: numbered.record)
        try model.validate(prompt)
        guard prompt.count < model.configuration.contextLength else {
          throw RecordError(
            "the prompt has \(prompt.count) tokens, expected fewer than the model's context of \(model.configuration.contextLength)"
          )
        }
        let question = Question(numbered, base: base, samples: samples)
        let id = numbered.record.idText ?? ""
        waiting = (0..<samples).reversed().map { sample in
          let seed = SamplingRequest.seed(run: seed, id: samples == 1 ? id : "\(id)/\(sample)")
          return (Tag(question: question, sample: sample), SamplingRequest(prompt: prompt, seed: seed))
        }
      } catch {
        try stream.fail(numbered, error)
      }
    }
    return waiting.removeLast()
  }

  /// Takes a response; writes the record, or fails it, when it was the last.
  func finish(_ tag: Tag, _ response: Result<SampledResponse, SamplingError>) throws {
    let question = tag.question
    question.responses[tag.sample] = response
    let results = question.responses.compactMap { $0 }
    guard results.count == samples else { return }
    let responses: [SampledResponse]
    do { responses = try results.map { try $0.get() } } catch { return try stream.fail(question.numbered, error) }
    let records = responses.enumerated().map { sample, response in
      answered(question, response, sample: samples == 1 ? nil : sample)
    }
    try stream.complete(question.numbered, with: records)
  }

  /// What earlier stages said of an earlier output.
  static let outdated = ["predicted", "expected", "correct", "judgment", "scores", "loss"]

  private func answered(_ question: Question, _ response: SampledResponse, sample: Int?) -> Record {
    var record = question.numbered.record
    for field in Self.outdated { record.remove(field) }
    if let sample, let id = record["id"], let text = record.idText {
      record.set("id", to: .string("\(text)/\(sample)"))
      record.set("source", to: id)
    }
    record.set("output", to: .string(prompter.text(of: response.tokens)))
    record.set("finish", to: .string(response.finish.rawValue))
    record.removeTokens("judge")
    record.setTokens("base", question.base)
    record.setTokens("output", response.tokens)
    return record
  }
}
