import Checkpoints
import Records
import Templates
import Tensors
import Tokenizers

/// A reader of files that must stand anything. It may refuse its input by one of the project's errors; whatever else
/// it does (a trap, a hang, too much memory, an access outside its bytes) is a finding.
struct FuzzTarget: Sendable {
  /// What the script calls it.
  let name: String
  /// The longest input that is tried, in bytes.
  var longest = 4096
  /// Inputs to begin with, which reach deep into the reader.
  let seeds: @Sendable () throws -> [[UInt8]]
  /// Reads an input.
  let read: @Sendable ([UInt8]) throws -> Void

  /// All targets.
  static let all = [
    json, records, compressed, safetensors, archive, gguf, tokenizer, template, prompts, configuration, adapter,
    pattern,
  ]

  /// Reads an input and lets the errors pass that a user may see.
  func run(_ input: [UInt8]) {
    do {
      try read(input)
    } catch {
      guard Self.isForUsers(error) else { fatalError("an error of type \(type(of: error)): \(error)") }
    }
  }

  private static func isForUsers(_ error: any Error) -> Bool {
    switch error {
    case is JSONError, is RecordError, is FileError, is TensorError, is CheckpointError, is TokenizerError,
      is PromptError, is TemplateError, is ModulePatternError:
      true
    default: false
    }
  }

  /// Ends the process if what must hold for every input does not.
  static func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    guard condition else { fatalError(message()) }
  }
}
