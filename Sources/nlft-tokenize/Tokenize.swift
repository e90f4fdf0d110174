import ArgumentParser
import Prompting
import Records
import Tokenizers
import ToolSupport

enum Truncation: String, ExpressibleByArgument, CaseIterable {
  case error
  case drop
  case left
}

@main struct TokenizeTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-tokenize",
    abstract: "Adds the tokens of every prompt whose fields a record has, and of its response and answer.",
    discussion: """
      Prompts are rendered by the model's chat template: tokens.base needs a question, tokens.standard an answer too, \
      tokens.judge a judgment. The response (output) and the standard answer become tokens.output and tokens.answer, \
      with the end-of-turn token. Tokens that a record already carries are kept. Records without an id get their \
      number in the stream.

      Data of other forms is converted first. The first record of each file tells its form, which is said on stderr; \
      --form names it instead.
        nlft        question (or input), answer, instruction (the system turn),
                    output, judgment: as they are; the reference
                    implementation's files are of this form
        gsm8k       the same, and every answer must hold "#### "
        messages    messages of role and content, or ShareGPT's conversations of
                    from and value: a system turn or none, a user and an
                    assistant turn become instruction, question and answer
        completion  prompt and completion, texts or messages: question, answer
        alpaca      instruction and, behind an empty line, input become the
                    question; output becomes the answer, for it is the standard
                    answer here and no response; these three fields go
      All other fields stay as they are, converted ones too but for alpaca's; where a record has question, answer or \
      instruction already, these win. What a record has no place for (several user turns, tools, images) fails.

      Examples:
        nlft-tokenize --model model.gguf train.jsonl > tokenized.jsonl
        nlft-tokenize --model model.gguf --form nlft train.jsonl > tokenized.jsonl
        nlft-tokenize --model model.gguf --field text plain.jsonl
        nlft-tokenize --model model.gguf --decode output sampled.jsonl
      """,
    version: toolVersion)

  @Option(
    help: ArgumentHelp("The model: a .gguf file or a Hugging Face directory.", valueName: "path"), completion: .file())
  var model: String
  @OptionGroup var prompts: PromptOptions
  @Option(
    help: ArgumentHelp("The form of the data, if its first record is not to tell. (default: auto)", valueName: "form"))
  var form: FormChoice?
  @Option(
    help: ArgumentHelp(
      "Tokenise this text field alone, as it is, without a template, into tokens.<field>; may be given several times.",
      valueName: "field"))
  var field: [String] = []
  @Option(
    help: ArgumentHelp(
      "Turn tokens.<field> back into text, in the field of that name, prompts with their special tokens; may be given several times.",
      valueName: "field"))
  var decode: [String] = []
  @Option(help: ArgumentHelp("Longest prompt and response together, in tokens.", valueName: "n"))
  var maxTokens: Int?
  @Option(
    help: ArgumentHelp(
      "What becomes of longer ones. error: the record fails; drop: it is left out; left: the prompt loses its beginning. (default: error)",
      valueName: "rule"))
  var truncate: Truncation?
  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let maxTokens { try requireCount(maxTokens, "--max-tokens") }
    if truncate != nil, maxTokens == nil { throw ValidationError("--truncate needs --max-tokens.") }
    guard field.isEmpty || decode.isEmpty else { throw ValidationError("--field and --decode exclude each other.") }
    guard form == nil || field.isEmpty && decode.isEmpty else {
      throw ValidationError("--form is for prompts; --field and --decode take fields as they are.")
    }
  }

  func run() throws {
    try runTool("nlft-tokenize") {
      try stream.checkOutputs(besides: [model, prompts.prompts])
      let prompter = try prompts.prompter(model: model)
      let limit = maxTokens.map { TokenLimit(count: $0, truncation: truncate ?? .error) }
      let stream = try ToolStream(
        tool: "nlft-tokenize", stream: stream, quiet: common.quiet, numbersRecords: true)
      var forms = FileForms(form ?? .auto)
      var dropped = 0
      while var numbered = try stream.next() {
        do {
          if field.isEmpty, decode.isEmpty { try forms.convert(&numbered) { stream.note($0) } }
          try change(&numbered, prompter)
          let fits = try limit?.apply(to: &numbered.record) ?? true
          if !fits { dropped += 1 }
          try stream.complete(numbered, with: fits ? [numbered.record] : [])
        } catch let error as FileError {
          throw error
        } catch {
          try stream.fail(numbered, error)
        }
      }
      if dropped > 0 { stream.note("left out \(dropped) records longer than \(maxTokens ?? 0) tokens") }
      return try stream.finish()
    }
  }

  private func change(_ numbered: inout NumberedRecord, _ prompter: RecordPrompter) throws {
    let tokenizer = prompter.model.tokenizer
    for name in field {
      numbered.record.setTokens(name, tokenizer.encode(try numbered.record.string(name), parseSpecial: false))
    }
    for name in decode {
      guard let tokens = try numbered.record.tokens(name) else { throw RecordError(missing: "tokens.\(name)") }
      if let bad = tokens.first(where: { !tokenizer.contains($0) }) {
        throw RecordError(
          "field \"tokens.\(name)\": found the token \(bad), expected 0 to \(tokenizer.vocabularySize - 1)")
      }
      // A prompt is looked at for what the model sees, special tokens included; a response is text to tokenise again.
      let isPrompt = PromptKind(rawValue: name) != nil
      numbered.record.set(name, to: .string(tokenizer.decode(tokens, skipSpecial: !isPrompt)))
    }
    if field.isEmpty, decode.isEmpty { try prompter.addTokens(to: &numbered.record) }
  }
}
