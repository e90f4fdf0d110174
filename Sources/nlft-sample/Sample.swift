import ArgumentParser
import Checkpoints
import Kernels
import Prompting
import Records
import Sampling
import Tokenizers
import ToolSupport
import Transformer

/// The prompts that ask for a response.
enum AskedPrompt: String, ExpressibleByArgument, CaseIterable {
  case base
  case standard

  var kind: PromptKind {
    switch self {
    case .base: .base
    case .standard: .standard
    }
  }
}

@main struct SampleTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-sample",
    abstract: "Generates a response to each record's question: adds output, finish and tokens.output.",
    discussion: """
      Responses are generated many at a time, and each is decided by --seed and the record's id alone. With --samples n \
      above 1, each response is a record of its own: its id becomes "ID/k", and source keeps ID. Verdicts, critiques, \
      scores and losses of an earlier output are taken off.

      Examples:
        nlft-sample --model model.gguf test.jsonl > answered.jsonl
        nlft-sample --model model.gguf --temperature 0.8 --samples 4 --seed 1 \\
          train.jsonl > sampled.jsonl
        nlft-sample --model model.gguf \\
          --resume answered.jsonl test.jsonl >> answered.jsonl
      """,
    version: toolVersion)

  @OptionGroup var model: ModelOptions
  @OptionGroup var prompts: PromptOptions
  @Option(
    help: ArgumentHelp(
      "What the model is asked with: base, the question alone; standard, the question with its standard answer, to be put in the model's own words. Either way the response is to be learnt under base.",
      valueName: "prompt"))
  var prompt: AskedPrompt = .base
  @Option(help: ArgumentHelp("Longest response, in tokens.", valueName: "n"))
  var maxTokens = 256
  @Option(
    help: ArgumentHelp(
      "End a response behind its first line that begins with this text, as '####' in GSM8K's form; what the model would say after it is never generated.",
      valueName: "text"))
  var stopAfter: String?
  @Option(help: ArgumentHelp("Divides the logits; 0 takes the most likely token each time.", valueName: "t"))
  var temperature = 0.0
  @Option(
    help: ArgumentHelp("Choose among the most likely tokens that together have this probability.", valueName: "p"))
  var topP = 1.0
  @Option(help: ArgumentHelp("Choose among this many of the most likely tokens; 0 is all.", valueName: "k"))
  var topK = 0
  @Option(help: ArgumentHelp("Decides the random numbers.", valueName: "n"))
  var seed: UInt64 = 0
  @Option(help: ArgumentHelp("Responses to each record.", valueName: "n"))
  var samples = 1
  @Option(help: ArgumentHelp("Responses generated at the same time.", valueName: "n"))
  var batch = 32
  @Option(
    help: ArgumentHelp(
      "Go on behind the output of the same command that was broken off: its records are not done again. In place: --resume FILE … >> FILE.",
      valueName: "file"),
    completion: .file())
  var resume: String?
  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    try requireCount(maxTokens, "--max-tokens")
    try requireCount(samples, "--samples", atMost: 1_000_000)
    try requireCount(batch, "--batch")
    guard temperature >= 0, temperature.isFinite else {
      throw ValidationError("--temperature must not be below 0, not \(temperature).")
    }
    guard topP > 0, topP <= 1 else { throw ValidationError("--top-p must be above 0 and at most 1, not \(topP).") }
    if stopAfter == "" { throw ValidationError("--stop-after needs a text.") }
    guard topK >= 0 else { throw ValidationError("--top-k must not be below 0, not \(topK).") }
    if samples > 1, temperature == 0 {
      throw ValidationError("--samples \(samples) needs a --temperature above 0, or all samples are the same.")
    }
  }

  func run() throws {
    try runTool("nlft-sample") {
      try stream.checkOutputs(besides: [model.model, model.adapter, prompts.prompts])
      let prompter = try prompts.prompter(model: model.model)
      let transformer = try model.transformer(threads: common.threadCount)
      let earlier = try resume.map { try EarlierOutput(path: $0, samples: samples) }
      let stream = try ToolStream(
        tool: "nlft-sample", stream: stream, quiet: common.quiet, numbersRecords: true,
        resumption: earlier.map { Resumption($0, written: ["output", "finish"] + Questions.outdated) })
      if let earlier { try stream.goOn(behind: earlier) }
      let sampler = Sampler(
        model: transformer, choice: TokenChoice(temperature: temperature, topP: topP, topK: topK),
        stopTokens: prompter.model.stopTokens, maximumTokens: maxTokens, batch: batch,
        completed: stopAfter.map { LastLine(beginning: $0, model: prompter.model).completed })
      let questions = Questions(
        prompter: prompter, asked: prompt.kind, model: transformer, samples: samples, seed: seed, stream: stream)
      try sampler.run(next: questions.next, finished: questions.finish)
      return try stream.finish()
    }
  }
}
