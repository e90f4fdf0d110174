import ArgumentParser
import Checkpoints
import Maps
import Records
import Saliency
import Tensors
import Tokenizers
import ToolSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

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

      --map writes one HTML page, which needs nothing besides itself: each response with its tokens shaded by what \
      training will do to them, their probabilities and weights, and every constant to move by hand; the page weighs \
      the tokens anew by the same formulas and shows the command line for what it shows. Records that fail are there \
      too, with the reason. With --map or --ansi, --archive may be left out: records then pass through without loss.

      Examples:
        nlft-saliency --method nlft --archive loss.safetensors.zst \\
          judged.jsonl > weighted.jsonl
        nlft-saliency --map map.html --model model.gguf judged.jsonl > /dev/null
        nlft-saliency --method nlft --threshold 0.9 --ansi --model model.gguf \\
          --archive loss.safetensors.zst judged.jsonl > weighted.jsonl
      """,
    version: toolVersion)

  @Option(help: ArgumentHelp("How weights are made.", valueName: "name"))
  var method: LossMethod = .nlft
  @Option(
    help: ArgumentHelp(
      "Where the losses go; written anew, in place. Needed unless there is --map or --ansi.", valueName: "file"),
    completion: .file())
  var archive: String?
  @Option(
    help: ArgumentHelp("Write all records as one HTML page to look at and to try constants on.", valueName: "file"),
    completion: .file())
  var map: String?
  @Flag(
    help: """
      Print each response to stderr, its tokens coloured by what training will do to them; in brackets if NO_COLOR is \
      set or the terminal has no colours.
      """)
  var ansi = false
  @Option(
    help: ArgumentHelp(
      "The model whose tokenizer gives the texts for --map and --ansi; without it tokens are shown by number.",
      valueName: "path"), completion: .file())
  var model: String?
  @OptionGroup(title: "Constants of the method") var constants: ConstantOptions
  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if archive == nil, map == nil, !ansi {
      throw ValidationError("--archive FILE, where the losses go, can be left out only with --map or --ansi.")
    }
    if map == "-" || map == "" { throw ValidationError("--map needs a file name; stdout carries records.") }
    if model != nil, map == nil, !ansi {
      throw ValidationError("--model is for --map and --ansi, neither of which is given.")
    }
    _ = try constants.builder(method)
  }

  func run() throws {
    try runTool("nlft-saliency") {
      let written = [("--archive", archive), ("--map", map)].compactMap { option, path in
        path.map { OutputFile(option: option, path: $0) }
      }
      try stream.checkOutputs(written, besides: [model])
      Self.keepMemory()
      let builder = try constants.builder(method)
      let settings = MapSettings(
        builder: builder, files: stream.files, archive: archive, model: model, version: toolVersion)
      let outputs = Outputs(
        archive: archive != nil, mapLimits: map == nil ? nil : settings.limits,
        palette: ansi ? TerminalPalette { getenv($0).map { String(cString: $0) } } : nil,
        tokenizer: try model.map { try ModelTokenizer.open($0).tokenizer })
      let stream = try ToolStream(tool: "nlft-saliency", stream: stream, quiet: common.quiet)
      let page = try map.map { try MapPage(path: $0, settings: settings) }
      let reader = ArchiveReader()
      var writer: ArchiveWriter?
      var agreement = FrameAgreement()
      var leftOut = 0
      let threads = common.threadCount
      while case let batch = try stream.nextBatch(atMost: threads * Self.recordsPerThread), !batch.isEmpty {
        let results = batch.parallelMap(threads: threads) {
          RecordInProgress($0.record, builder: builder, archives: reader, outputs: outputs)
        }
        for (var numbered, result) in zip(batch, results) {
          if let map = result.map { try page?.append(map) }
          do {
            if let archive { try checkArchive(archive, besides: numbered.record) }
            if let map { try checkArchive(map, option: "--map", besides: numbered.record) }
            let weighted = try result.weighted(agreement: &agreement)
            if let picture = weighted.picture, let palette = outputs.palette {
              stream.show("\(Diagnostics.printable(numbered.record.idText ?? ""))  \(palette.legend)\n\(picture)\n")
            }
            // Opened when the first record has been read, and with it where the scores are.
            if writer == nil { writer = try archive.map { try ArchiveWriter(path: $0) } }
            if let frame = weighted.frame, let reference = try writer?.append(frame) {
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
      if let page, page.count > 0 {
        try page.finish()
        stream.note("\(map ?? ""): a map of \(page.count) records")
      }
      if stream.done > 0 { stream.note((archive == nil ? "weights, not written: " : "losses: ") + builder.settings) }
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
}
