import ArgumentParser
import Checkpoints
import Critics
import Judging
import Kernels
import Prompting
import Records
import Tensors
import ToolSupport
import Transformer

extension ResponseScorer.HiddenStates: ExpressibleByArgument {}

@main struct JudgeTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-judge",
    abstract: "Adds a critique to incorrect responses and scores each response's tokens under every prompt.",
    discussion: """
      A record is incorrect when its judgment is a string or, without that field, when correct is false. A critique \
      that is there is kept. The model then reads every response again under the base prompt, the prompt with the \
      standard answer, and the prompt with the critique; the tokens' log-probabilities go to the archive, a frame for \
      each record, which the record names in scores.

      Critics: self, the model writes the critique; answer, a template filled from predicted, expected and the standard \
      answer; none, only what the record brings; a URL, a server with OpenAI's chat completions, such as those of \
      llama.cpp, vLLM and Ollama; --judge-model, another model that runs here. A server gets several requests at once, \
      and again, with pauses, those that it fails; a key is read from the environment.

      Examples:
        nlft-judge --model model.gguf --critic answer \\
          --archive scores.safetensors.zst graded.jsonl > judged.jsonl
        nlft-judge --model model.gguf --adapter adapter --critic self \\
          --archive scores.safetensors.zst graded.jsonl > judged.jsonl
        nlft-judge --model model.gguf --judge-model larger.gguf \\
          --archive scores.safetensors.zst graded.jsonl > judged.jsonl
        nlft-judge --model model.gguf --critic http://localhost:8000/v1 \\
          --archive scores.safetensors.zst graded.jsonl > judged.jsonl
      """,
    version: toolVersion)

  @OptionGroup var model: ModelOptions
  @OptionGroup var prompts: PromptOptions
  @OptionGroup var critics: CriticOptions
  @Option(
    help: ArgumentHelp("Where the scores go; written anew, in place.", valueName: "file"), completion: .file())
  var archive: String
  @Option(
    help: ArgumentHelp(
      "The states that predict each response token, for clustering: f32, f16, or none to leave them out.",
      valueName: "type"))
  var hidden: ResponseScorer.HiddenStates = .f16
  @Option(help: ArgumentHelp("Records that are judged together.", valueName: "n"))
  var batch = 16
  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    try requireCount(batch, "--batch")
  }

  func run() throws {
    try runTool("nlft-judge") {
      try stream.checkOutputs(
        [OutputFile(option: "--archive", path: archive)], besides: [model.model, model.adapter, prompts.prompts])
      let choice = try critics.choice()
      let prompter = try prompts.prompter(model: model.model)
      let products = try model.products(threads: common.threadCount)
      let transformer = try Self.open(model.model, adapter: model.adapter, products: products)
      let local = try localCritic(choice, prompter: prompter, transformer: transformer, products: products)
      let stream = try ToolStream(tool: "nlft-judge", stream: stream, quiet: common.quiet)
      let bench = JudgesBench(
        prompter: prompter, scorer: ResponseScorer(model: transformer, hidden: hidden),
        archive: try ArchiveWriter(path: archive),
        origin: FrameOrigin(
          model: transformer.checkpoint.fingerprint, adapter: transformer.adapter?.fingerprint ?? "none",
          tokenizer: prompter.model.tokenizer.fingerprint, prompts: prompter.prompts.fingerprint),
        stream: stream)
      if let local {
        try LocalJudging(bench: bench, critic: local).run(batch: batch)
      } else if case .server(let endpoint, let limits) = choice {
        let input = WaitingInput(files: self.stream.files)
        try ServerJudging(bench: bench, endpoint: endpoint, limits: limits, input: input, batch: batch).run()
      }
      try bench.archive.close()
      return try stream.finish()
    }
  }

  private static func open(_ path: String, adapter: String?, products: Products) throws -> TransformerModel {
    let checkpoint = try ModelCheckpoint.open(path)
    let adapter = try adapter.map { try Adapter.read(directory: $0, for: checkpoint.configuration) }
    return TransformerModel(checkpoint: checkpoint, adapter: adapter, products: products)
  }

  /// The critic that needs no server; nil if the critic is one.
  private func localCritic(
    _ choice: CriticOptions.Choice, prompter: RecordPrompter, transformer: TransformerModel, products: Products
  ) throws -> LocalCritic? {
    func critic(_ model: TransformerModel, _ prompter: RecordPrompter) -> ModelCritic {
      ModelCritic(model: model, prompter: prompter, maximumTokens: critics.critiqueTokens, batch: batch)
    }
    switch choice {
    case .answer: return .answer
    case .none: return LocalCritic.none
    case .own: return .own(critic(transformer, prompter))
    case .model(let path, let adapter):
      let model = try Self.open(path, adapter: adapter, products: products)
      return .other(critic(model, try prompts.prompter(model: path)), path: path)
    case .server: return nil
    }
  }
}
