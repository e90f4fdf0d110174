#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes records to stdout, each with one system call as soon as it is handed over.
public struct RecordWriter: Sendable {
  private let descriptor: Int32
  private let name: String

  /// A writer to stdout.
  public init() {
    descriptor = STDOUT_FILENO
    name = "stdout"
  }

  /// Writes the record and a line feed.
  /// - Throws: `FileError` of kind `closed` if nobody reads any more, of kind `transfer` if the disk is full or fails.
  public func write(_ record: Record) throws(FileError) {
    var line = record.encoded
    line.append(0x0A)
    try write(lines: line)
  }

  /// Writes lines as they are.
  /// - Throws: as `write` of a record.
  public func write(lines: [UInt8]) throws(FileError) {
    if let code = lines.withUnsafeBytes({ writeAll($0, to: descriptor) }) {
      throw FileError(path: name, kind: code == EPIPE ? .closed : .transfer, action: "write", code: code)
    }
  }
}

/// Writes all bytes to a descriptor, however many calls that takes; the value of `errno` if that fails.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32? {
  var rest = bytes
  while !rest.isEmpty {
    let count = write(descriptor, rest.baseAddress, rest.count)
    if count < 0 {
      if errno == EINTR { continue }
      return errno
    }
    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
  }
  return nil
}
