#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Why a file cannot be opened, read or written.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong, in the classes that exit statuses tell apart.
  public enum Kind: Sendable, Equatable {
    /// An input file cannot be opened.
    case open
    /// Reading or writing failed.
    case transfer
    /// An input file was read and is not what it should be.
    case content
    /// The reader of a pipe has gone away.
    case closed
  }

  /// The file, or `stdin` or `stdout`.
  public let path: String
  /// What went wrong.
  public let kind: Kind
  /// What was tried, and the system's words.
  public let reason: String

  /// An error in a reader's own words.
  public init(path: String, kind: Kind, reason: String) {
    self.path = path
    self.kind = kind
    self.reason = reason
  }

  /// An error from a system call.
  /// - Parameters:
  ///   - action: What was tried: "open", "write".
  ///   - code: The value of `errno`.
  public init(path: String, kind: Kind, action: String, code: Int32 = errno) {
    self.init(path: path, kind: kind, reason: "cannot \(action): \(String(cString: strerror(code)))")
  }

  /// The file and the reason.
  public var description: String { "\(path): \(reason)" }
}
