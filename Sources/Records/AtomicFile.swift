#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Synchronization

/// A file that appears under its name only when it is complete.
///
/// Bytes go to a temporary file beside the target; `commit` flushes it to the disk and renames it. Until then, and if
/// the process dies, the target keeps what it held. A target that is no regular file (a pipe, a device) is written
/// directly, and so are `/dev/stdout`, `/dev/stderr` and `/dev/fd/N` whatever they are.
public final class AtomicFile {
  /// The target as it was named.
  public let path: String
  private let target: String
  private let temporary: String?
  private let slot: Int?
  private var descriptor: Int32

  private static let counter = Atomic<Int>(0)

  /// Opens the temporary file.
  /// - Throws: `FileError` of kind `transfer` if it cannot be made.
  public init(path: String) throws(FileError) {
    self.path = path
    var status = stat()
    let exists = stat(path, &status) == 0
    if let inherited = Self.inheritedDescriptor(path) {
      target = path
      temporary = nil
      slot = nil
      descriptor = dup(inherited)
    } else if exists, status.st_mode & S_IFMT != S_IFREG {
      target = path
      temporary = nil
      slot = nil
      descriptor = open(path, O_WRONLY | O_CLOEXEC)
    } else {
      // Behind a symbolic link it is the file that is replaced, not the link.
      target = exists ? Self.resolved(path) : path
      let (directory, name) = Self.split(target)
      let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
      let temporary = directory + ".\(name).\(getpid())-\(number).tmp"
      self.temporary = temporary
      slot = TemporaryFiles.register(temporary)
      descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0, exists { fchmod(descriptor, status.st_mode & 0o777) }
    }
    if descriptor < 0 {
      let code = errno
      TemporaryFiles.release(slot)
      throw FileError(path: path, kind: .transfer, action: "create", code: code)
    }
  }

  deinit { discard() }

  /// Writes `bytes` in one go.
  /// - Throws: `FileError`; the target then keeps what it held.
  public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let file = try AtomicFile(path: path)
    try file.append(bytes)
    try file.commit()
  }

  /// Appends bytes to the temporary file.
  /// - Throws: `FileError` if the disk is full or fails, or the file was committed before.
  public func append(_ bytes: [UInt8]) throws(FileError) {
    try check(bytes.withUnsafeBytes { writeAll($0, to: descriptor) })
  }

  /// Appends bytes to the temporary file.
  /// - Throws: `FileError` if the disk is full or fails, or the file was committed before.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    try check(writeAll(bytes, to: descriptor))
  }

  private func check(_ code: Int32?) throws(FileError) {
    if let code { throw FileError(path: path, kind: .transfer, action: "write", code: code) }
  }

  /// Flushes the file to the disk and puts it in the target's place.
  /// - Throws: `FileError`; the target then keeps what it held and the temporary file is gone.
  public func commit() throws(FileError) {
    guard descriptor >= 0 else { return }
    defer { discard() }
    // Pipes and terminals cannot be flushed and say so with EINVAL.
    if fsync(descriptor) != 0, errno != EINVAL, errno != ENOTSUP {
      throw FileError(path: path, kind: .transfer, action: "flush")
    }
    let closing = descriptor
    descriptor = -1
    if close(closing) != 0 { throw FileError(path: path, kind: .transfer, action: "close") }
    guard let temporary else { return }
    if rename(temporary, target) != 0 { throw FileError(path: path, kind: .transfer, action: "rename") }
    TemporaryFiles.release(slot)
    isRenamed = true
    // The new name is safe only when its directory is; file systems that cannot flush one need not.
    let directory = open(Self.split(target).directory + ".", O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  private var isRenamed = false

  /// Removes the temporary file and leaves the target as it was; without effect after `commit`.
  public func discard() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    guard let temporary, !isRenamed else { return }
    unlink(temporary)
    TemporaryFiles.release(slot)
    isRenamed = true
  }

  /// The directory with its slash, or nothing for the working directory, and the name in it.
  private static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("", path) }
    let after = path.utf8.index(after: slash)
    return (String(path[..<after]), String(path[after...]))
  }

  /// The descriptor that `/dev/stderr` or `/dev/fd/3` stands for. Opening it anew would forget how far it was written,
  /// and replacing the file behind it would take it away from its other writers.
  private static func inheritedDescriptor(_ path: String) -> Int32? {
    switch path {
    case "/dev/stdout": STDOUT_FILENO
    case "/dev/stderr": STDERR_FILENO
    case _ where path.hasPrefix("/dev/fd/"): Int32(path.dropFirst("/dev/fd/".count))
    default: nil
    }
  }

  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }
}
