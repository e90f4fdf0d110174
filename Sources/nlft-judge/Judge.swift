import ArgumentParser
import Judging
import Prompting
import Records
import Tensors
import ToolSupport
import Transformer

extension ResponseScorer.HiddenStates: ExpressibleByArgument {}

enum Critic: String, ExpressibleByArgument, CaseIterable {
  case `self`
  case answer
  case none
}

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
      answer; none, only what the record brings.

      Examples:
        nlft-judge --model model.gguf --critic answer \\
          --archive scores.safetensors.zst graded.jsonl > judged.jsonl
        nlft-judge --model model.gguf --adapter adapter --critic self \\
          --archive scores.safetensors.zst graded.jsonl > judged.jsonl
      """,
    version: toolVersion)

  @OptionGroup var model: ModelOptions
  @OptionGroup var prompts: PromptOptions
  @Option(help: ArgumentHelp("Who criticises incorrect responses: self, answer or none.", valueName: "critic"))
  var critic: Critic = .answer
  @Option(help: ArgumentHelp("Longest critique of the critic self, in tokens.", valueName: "n"))
  var critiqueTokens = 96
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
    try requireCount(critiqueTokens, "--critique-tokens")
  }

  func run() throws {
    try runTool("nlft-judge") {
      let prompter = try prompts.prompter(model: model.model)
      let transformer = try model.transformer(threads: common.threadCount)
      let stream = try ToolStream(tool: "nlft-judge", stream: stream, quiet: common.quiet)
      let bench = JudgesBench(
        prompter: prompter, critic: critic,
        selfCritic: SelfCritic(
          model: transformer, prompter: prompter, maximumTokens: critiqueTokens, batch: batch),
        scorer: ResponseScorer(model: transformer, hidden: hidden), archive: try ArchiveWriter(path: archive),
        origin: FrameOrigin(
          model: transformer.checkpoint.fingerprint, adapter: transformer.adapter?.fingerprint ?? "none",
          tokenizer: prompter.model.tokenizer.fingerprint, prompts: prompter.prompts.fingerprint),
        stream: stream)
      var waiting: [NumberedRecord] = []
      while let numbered = try stream.next() {
        waiting.append(numbered)
        if waiting.count == batch {
          try bench.judge(waiting)
          waiting = []
        }
      }
      try bench.judge(waiting)
      try bench.close()
      return try stream.finish()
    }
  }
}
