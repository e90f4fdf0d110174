import ArgumentParser
import Checkpoints
import Kernels
import Transformer

/// The options of tools that run a model.
public struct ModelOptions: ParsableArguments {
  /// The model.
  @Option(
    help: ArgumentHelp("The model: a .gguf file or a Hugging Face directory.", valueName: "path"),
    completion: .file())
  public var model: String

  /// The adapter, if any.
  @Option(
    help: ArgumentHelp("An adapter for the model: a PEFT LoRA directory.", valueName: "directory"),
    completion: .directory)
  public var adapter: String?

  /// Options with their default values.
  public init() {}
}

extension ModelOptions {
  /// The model with its adapter, ready to run.
  /// - Throws: `CheckpointError`, `TensorError` or `BLASError`.
  public func transformer(threads: Int) throws -> TransformerModel {
    let checkpoint = try ModelCheckpoint.open(model)
    let adapter = try adapter.map { try Adapter.read(directory: $0, for: checkpoint.configuration) }
    return TransformerModel(checkpoint: checkpoint, adapter: adapter, products: try Products(threads: threads))
  }
}
