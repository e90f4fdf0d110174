import ArgumentParser
import Checkpoints
import Kernels
import Records
import ToolSupport

extension WeightType: ExpressibleByArgument {}

@main struct ExportTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-export",
    abstract: "Merges an adapter into a model directory, or writes it as a GGUF LoRA for llama.cpp.",
    discussion: """
      --merge adds the adapter's update to the weights, W + alpha/rank * B * A, and writes a Hugging Face model directory \
      that transformers, vLLM and converters load: config.json, model.safetensors, the tokenizer with its chat template, \
      generation_config.json. Without --adapter the model is only converted. Numbers keep the type they have in the \
      model. A quantised model is written as f32 unless --type says otherwise: its adapter was trained on exactly these \
      values, and 16 bits do not hold them. Merging never quantises again.

      --gguf writes the adapter alone, for llama.cpp to add to a GGUF file of the model, quantised or not \
      (llama-server --model model.gguf --lora adapter.gguf).

      Examples:
        nlft-export --model model.gguf --adapter adapter --merge merged
        nlft-export --model model.gguf --adapter adapter --merge half --type bf16
        nlft-export --model model.gguf --adapter adapter --gguf adapter.gguf
        nlft-export --model model.gguf --merge base
      """,
    version: toolVersion)

  @OptionGroup var model: ModelOptions
  @Option(
    help: ArgumentHelp("The model directory to make; it must not exist yet or be empty.", valueName: "directory"),
    completion: .directory)
  var merge: String?
  @Option(help: ArgumentHelp("The GGUF file to write the adapter to.", valueName: "file"), completion: .file())
  var gguf: String?
  @Option(
    help: ArgumentHelp(
      "Type of the numbers. (default: f32 for --gguf; for --merge the model's, f32 for a quantised one)",
      valueName: "type"))
  var type: WeightType?
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if merge == nil, gguf == nil { throw ValidationError("Nothing to write: give --merge, --gguf or both.") }
    if merge == "" { throw ValidationError("--merge needs the name of a directory.") }
    if gguf == "" { throw ValidationError("--gguf needs the name of a file.") }
    if gguf != nil, model.adapter == nil { throw ValidationError("--gguf writes an adapter: give --adapter.") }
  }

  func run() throws {
    try runTool("nlft-export") {
      let diagnostics = Diagnostics(tool: "nlft-export", quiet: common.quiet)
      // Before the model is opened: the name may be the only mistake.
      try checkOutputs()
      if let merge { try ModelExport.checkFree(merge) }
      let export = try ModelExport(model: model.model, adapter: model.adapter)
      if export.isForeignAdapter {
        diagnostics.warn(
          "\(model.adapter ?? ""): was trained on other weights than those of \(model.model); that is right only if "
            + "they are the same model in another type")
      }
      if let gguf {
        try export.writeGGUF(to: gguf, as: type ?? .f32)
        let tensors = 2 * (export.adapter?.layers.reduce(0) { $0 + $1.count } ?? 0)
        diagnostics.note("\(gguf): \(tensors) tensors as \((type ?? .f32).rawValue)")
      }
      if let merge { try write(export, to: merge, diagnostics) }
      return .success
    }
  }

  /// Refuses to write over the model or the adapter that is read.
  private func checkOutputs() throws {
    if let gguf {
      try InputFiles([model.model] + [model.adapter].compactMap { $0 }).check([OutputFile(option: "--gguf", path: gguf)]
      )
    }
    guard let merge, let identity = FileIdentity(path: merge) else { return }
    if identity == FileIdentity(path: model.model) {
      throw ToolError(.usage, "--merge \(merge) is the model itself: write to another directory")
    }
    if let adapter = model.adapter, identity == FileIdentity(path: adapter) {
      throw ToolError(.usage, "--merge \(merge) is the adapter itself: write to another directory")
    }
  }

  private func write(_ export: ModelExport, to merge: String, _ diagnostics: Diagnostics) throws {
    let type = type ?? export.defaultType
    if let factor = export.changedEmbeddingFactor(as: type) {
      diagnostics.warn(
        "\(merge): transformers will multiply the embeddings by \(factor), the model does by "
          + "\(export.checkpoint.configuration.embeddingFactor): it casts the factor to the type of the weights")
    }
    let start = ContinuousClock.now
    var tensors = 0
    try export.write(to: merge, as: type, products: try Products(threads: common.threadCount).inSinglePrecision) {
      done, total in
      tensors = total
      diagnostics.progress { "\(done) of \(total) tensors" }
    }
    let seconds = (ContinuousClock.now - start).components
    let tenths = seconds.seconds * 10 + seconds.attoseconds / 100_000_000_000_000_000
    diagnostics.note("\(merge): \(tensors) tensors as \(type.rawValue) in \(tenths / 10).\(tenths % 10) s")
  }
}
