import ArgumentParser
import Checkpoints
import Records
import Saliency
import Tensors
import Tokenizers
import ToolSupport

@main struct SaliencyTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-saliency",
    abstract: "Turns token probabilities into classes and weights: a loss frame for each record.",
    discussion: """
      The weights of every method are data, which nlft-step takes as they are. Frames go to the archive, and each \
      record names its own in loss, with counts for reading by eye. In the constants below, b, s and j are a token's \
      probabilities under the base, standard and judge prompts.

      Methods:
        sft              learn the standard answer (tokens.answer, by nlft-tokenize)
        distill          learn the model's own output, correct or not
        distill-correct  learn correct outputs, leave out the others
        distill-cleaned  learn correct outputs, else the standard answer
        cut              distill, but suppress what the critique makes likelier
        dft              distill, each token weighted by its probability
        nlft-reference   Natural Language Fine-Tuning as its code was published
        nlft             the same, mended and measured

      nlft-reference keeps the bugs of the published code: a neighbour joins a cluster when its state is far from the \
      centre, not near (--clustering far); and of an incorrect response the prediction for base position p is read at \
      position p under the critique, where other tokens stand (--judge-term reference). nlft clusters near states, has \
      no such term, reinforces in an incorrect response only what the solution makes likely (--incorrect-power 4), and \
      learns each record's standard answer too (--answer-term, --correct-answer-term). What is used is printed at the \
      end, and goes into each frame as settings.

      Examples:
        nlft-saliency --method nlft --archive loss.safetensors.zst \\
          judged.jsonl > weighted.jsonl
        nlft-saliency --method nlft --threshold 0.9 --ansi --model model.gguf \\
          --archive loss.safetensors.zst judged.jsonl > weighted.jsonl
      """,
    version: toolVersion)

  @Option(help: ArgumentHelp("How weights are made.", valueName: "name"))
  var method: LossMethod = .nlft
  @Option(help: ArgumentHelp("Where the losses go; written anew, in place.", valueName: "file"), completion: .file())
  var archive: String
  @Flag(help: "Print each response to stderr, its tokens coloured by class.")
  var ansi = false
  @Option(
    help: ArgumentHelp("The model whose tokenizer gives the texts for --ansi.", valueName: "path"), completion: .file())
  var model: String?
  @OptionGroup(title: "Constants of the method") var constants: ConstantOptions
  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if model != nil, !ansi { throw ValidationError("--model is for --ansi, which is not given.") }
    _ = try constants.builder(method)
  }

  func run() throws {
    try runTool("nlft-saliency") {
      try stream.checkOutputs([OutputFile(option: "--archive", path: archive)], besides: [model])
      Self.keepMemory()
      let builder = try constants.builder(method)
      let tokenizer = ansi ? try model.map { try ModelTokenizer.open($0).tokenizer } : nil
      let stream = try ToolStream(tool: "nlft-saliency", stream: stream, quiet: common.quiet)
      let reader = ArchiveReader()
      var writer: ArchiveWriter?
      var agreement = FrameAgreement()
      var leftOut = 0
      let threads = common.threadCount
      while case let batch = try stream.nextBatch(atMost: threads * Self.recordsPerThread), !batch.isEmpty {
        let results = batch.parallelMap(threads: threads) {
          RecordInProgress($0.record, builder: builder, archives: reader)
        }
        for (var numbered, result) in zip(batch, results) {
          do {
            try checkArchive(archive, besides: numbered.record)
            let weighted = try result.weighted(agreement: &agreement)
            // Opened when the first record has been read, and with it where the scores are.
            if writer == nil { writer = try ArchiveWriter(path: archive) }
            if ansi, let map = map(weighted.loss, of: weighted.scored, tokenizer) { stream.show(map) }
            if let reference = try writer?.append(weighted.frame) {
              numbered.record.set("loss", to: reference.json(adding: weighted.loss.summary))
            }
            try stream.complete(numbered, with: [numbered.record])
          } catch let error as SaliencyError where error.kind == .leftOut {
            leftOut += 1
            try stream.complete(numbered, with: [])
          } catch let error where error is FileError || error is ToolError {
            throw error
          } catch let error as TensorError where error.kind == .inputOutput {
            throw error
          } catch {
            try stream.fail(numbered, error)
          }
        }
      }
      try writer?.close()
      if stream.done > 0 { stream.note("losses: \(builder.settings)") }
      if leftOut > 0 { stream.note("\(method.rawValue) left out \(leftOut) incorrect records") }
      return try stream.finish()
    }
  }

  /// Enough for threads to wait little for each other, few enough for the first line to come soon.
  private static let recordsPerThread = 8

  /// Has the allocator keep what a record's states took for the next record's. glibc hands large blocks back to the
  /// system and takes them anew, page by page, unless it has seen a larger one freed.
  private static func keepMemory() {
    UnsafeMutableRawBufferPointer.allocate(byteCount: 30 << 20, alignment: 16).deallocate()
  }

  private func map(_ frame: LossFrame, of record: ScoredRecord, _ tokenizer: Tokenizer?) -> String? {
    let tokens = record.response ?? []
    guard let classes = frame.classes, classes.count == tokens.count else { return nil }
    let texts = tokenizer.map { tokenizer in tokens.map { tokenizer.decode([$0], skipSpecial: false) } }
    let map = TerminalMap(tokens: tokens, texts: texts, classes: classes, isIncorrect: record.isIncorrect)
    return "\(Diagnostics.printable(record.id))  \(TerminalMap.legend)\n\(map.text)\n"
  }
}
