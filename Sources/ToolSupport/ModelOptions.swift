import ArgumentParser

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
