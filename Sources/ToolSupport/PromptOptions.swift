import ArgumentParser
import Checkpoints
import Prompting
import Records
import Tokenizers

/// The options of tools that render prompts.
public struct PromptOptions: ParsableArguments {
  /// The prompts' texts.
  @Option(
    help: ArgumentHelp(
      "Texts of the base, standard, judge and critique prompts, as pipelines/prompts.json has them.", valueName: "file"),
    completion: .file())
  public var prompts: String?

  /// Options with their default values.
  public init() {}

  /// The prompts that the user chose, else the defaults.
  /// - Throws: `FileError`, `JSONError` or `PromptError`.
  public func promptSet() throws -> PromptSet {
    guard let prompts else { return try PromptSet.defaults() }
    let bytes = try WholeFile.bytes(prompts)
    do { return try PromptSet(JSON(parsing: bytes), source: prompts) } catch let error as JSONError {
      throw ToolError(.data, "\(prompts): \(error)")
    }
  }

  /// A prompter for the model.
  /// - Throws: what `promptSet` and opening the tokenizer throw.
  public func prompter(model: String) throws -> RecordPrompter {
    try RecordPrompter(model: try ModelTokenizer.open(model), prompts: try promptSet())
  }
}
