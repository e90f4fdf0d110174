import ArgumentParser
import Checkpoints
import Inspection
import Judging
import Kernels
import Prompting
import Records
import Tensors
import Tokenizers
import ToolSupport
import Transformer

/// The prompts that a response can be read under.
enum ReadPrompt: String, ExpressibleByArgument, CaseIterable {
  case base
  case standard
  case judge

  var kind: PromptKind {
    switch self {
    case .base: .base
    case .standard: .standard
    case .judge: .judge
    }
  }
}

@main struct ShowTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-show",
    abstract: "Shows what is in records and archives of any stage: prompts, tokens, probabilities and weights.",
    discussion: """
      Of each record it prints the frames that the record names, with what they say of themselves, and a table of the \
      response's tokens: log-probabilities under the base, standard and judge prompts, their ratios (s/b, j/b, j/s), \
      class and weights, as far as they are there. Places of the loss that are not the response's follow in tables of \
      their own. Tensors that no table shows are listed by name, type, shape and first values, whoever wrote them.

      Archives can be named in place of records; then each frame is shown by itself, and --only takes ids of frames.

      With --model, tokens have texts: a space is ·, a line feed ⏎, a tab ⇥, what is not seen \\u{…}; special tokens \
      stand in ⟦⟧, and tokens that are no whole characters have their bytes, as <F0>. Without it tokens are numbers, as \
      records do not hold their texts one by one.

      --prompt shows prompts as the model sees them, in place of all that (--top brings it back): the tokens that the \
      record carries, else made from its fields. \
      --top reads the response again and shows what the model would have taken: at each place the likeliest tokens \
      with their probabilities, and beside them p and rank of the token that stands there.

      --json prints JSON Lines instead: a line for each frame, each prompt, each token of a response and each further \
      place of a loss.

      Examples:
        nlft-show --model model.gguf weighted.jsonl
        nlft-show --only p1 weighted.jsonl
        nlft-show --prompt base,standard,judge --model model.gguf judged.jsonl
        nlft-show --top 5 --under standard --model model.gguf judged.jsonl
        nlft-show --json scores.safetensors.zst
      """,
    version: toolVersion)

  @Option(
    help: ArgumentHelp(
      "The model whose tokenizer gives tokens their texts, and which --top runs: a .gguf file or a Hugging Face directory.",
      valueName: "path"), completion: .file())
  var model: String?
  @Option(
    help: ArgumentHelp("An adapter for --top: a PEFT LoRA directory.", valueName: "directory"), completion: .directory)
  var adapter: String?
  @OptionGroup var prompts: PromptOptions
  @Option(
    help: ArgumentHelp(
      "Show these prompts: base, standard, judge, critique, with commas between them. Those that a record has no fields for are left out.",
      valueName: "prompts"))
  var prompt: String?
  @Option(help: ArgumentHelp("Show the k most likely tokens at each place of the response.", valueName: "k"))
  var top: Int?
  @Option(help: ArgumentHelp("The prompt under which --top reads the response. (default: base)", valueName: "prompt"))
  var under: ReadPrompt?
  @Flag(help: "Print JSON Lines in place of tables.")
  var json = false
  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    _ = try promptKinds()
    if let top { try requireCount(top, "--top", atMost: 1000) }
    if model == nil {
      for (option, isGiven) in [("--top", top != nil), ("--prompt", prompt != nil), ("--adapter", adapter != nil)]
      where isGiven { throw ValidationError("\(option) needs --model.") }
    }
    if top == nil {
      for (option, isGiven) in [("--under", under != nil), ("--adapter", adapter != nil)] where isGiven {
        throw ValidationError("\(option) goes with --top, which is not given.")
      }
    }
  }

  /// What `--prompt` names, in its order.
  private func promptKinds() throws -> [PromptKind] {
    try (prompt ?? "").split(separator: ",", omittingEmptySubsequences: prompt == nil).map { name in
      guard let kind = PromptKind(rawValue: String(name)) else {
        let known = PromptKind.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--prompt: \"\(name)\" is none of \(known).")
      }
      return kind
    }
  }

  func run() throws {
    try runTool("nlft-show") {
      try stream.checkOutputs(besides: [model, adapter, prompts.prompts])
      let archives = stream.files.filter { $0 != "-" && ArchiveFrames.isArchive(path: $0) }
      guard archives.isEmpty || archives.count == stream.files.count else {
        throw ToolError(.usage, "\(archives[0]) is an archive, and other files are not: show them one after the other")
      }
      if !archives.isEmpty, prompt != nil || top != nil || stream.rejects != nil {
        throw ToolError(.usage, "\(archives[0]) is an archive: --prompt, --top and --rejects are for records")
      }
      let prompter = try model.map { try prompts.prompter(model: $0) }
      let names = prompter.map { TokenNames($0.model.tokenizer) }
      guard archives.isEmpty else {
        return try ShownArchives(paths: archives, names: names, json: json).run(stream, quiet: common.quiet)
      }
      let records = ShownRecords(
        prompter: prompter, names: names, kinds: try promptKinds(), alternatives: try alternatives(), json: json)
      return try records.run(
        ToolStream(tool: "nlft-show", stream: stream, quiet: common.quiet, uniqueIds: false))
    }
  }

  private func alternatives() throws -> ShownRecords.Alternatives? {
    guard let model, let top else { return nil }
    let checkpoint = try ModelCheckpoint.open(model)
    let adapter = try adapter.map { try Adapter.read(directory: $0, for: checkpoint.configuration) }
    let transformer = TransformerModel(
      checkpoint: checkpoint, adapter: adapter, products: try Products(threads: common.threadCount))
    return ShownRecords.Alternatives(
      ranking: ResponseRanking(model: transformer), prompt: (under ?? .base).kind, count: top)
  }
}
