import ArgumentParser
import Checkpoints
import Records
import Tensors
import Tokenizers

/// An error that ends a tool, with the exit status that says whose fault it is.
public struct ToolError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Exit statuses, as in `sysexits.h`.
  public enum Status: Int32, Sendable {
    /// Options or arguments that make no sense.
    case usage = 64
    /// The input's content is at fault.
    case data = 65
    /// An input file cannot be opened.
    case noInput = 66
    /// The tool itself is at fault.
    case `internal` = 70
    /// Reading or writing failed.
    case transfer = 74
  }

  /// Whose fault it is.
  public let status: Status
  /// The message, without the tool's name.
  public let description: String

  /// An error with its status and message.
  public init(_ status: Status, _ message: String) {
    self.status = status
    description = message
  }

  /// Any error as one that ends a tool; errors of unknown kinds are internal ones.
  public init(_ error: any Error) {
    switch error {
    case let error as ToolError: self = error
    case let error as FileError: self.init(Self.status(of: error.kind), "\(error)")
    case let error as CheckpointError: self.init(error.isMissing ? .noInput : .data, "\(error)")
    case let error as TensorError: self.init(Self.status(of: error.kind), "\(error)")
    case is RecordError, is JSONError, is TokenizerError, is PromptError: self.init(.data, "\(error)")
    default: self.init(.internal, "\(error)")
    }
  }

  private static func status(of kind: FileError.Kind) -> Status {
    switch kind {
    case .open: .noInput
    case .content: .data
    case .transfer, .closed: .transfer
    }
  }

  private static func status(of kind: TensorError.Kind) -> Status {
    switch kind {
    case .opening: .noInput
    case .inputOutput: .transfer
    case .content: .data
    }
  }
}
