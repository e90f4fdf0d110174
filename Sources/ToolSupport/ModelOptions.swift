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

  /// Whether to do without everything that is there for speed.
  @Flag(
    help: """
      Compute the plain way, for comparison: float32 products of widened weights, no prefix of one sequence shared \
      with another.
      """)
  public var reference = false

  /// Options with their default values.
  public init() {}
}

extension ModelOptions {
  /// The products that the model is to run on.
  /// - Throws: `BLASError`.
  public func products(threads: Int) throws -> Products { try Products(threads: threads, plain: reference) }

  /// The model with its adapter, ready to run.
  /// - Throws: `CheckpointError`, `TensorError` or `BLASError`.
  public func transformer(threads: Int) throws -> TransformerModel {
    let checkpoint = try ModelCheckpoint.open(model)
    let adapter = try adapter.map { try Adapter.read(directory: $0, for: checkpoint.configuration) }
    return TransformerModel(checkpoint: checkpoint, adapter: adapter, products: try products(threads: threads))
  }
}
