#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that appears under its name only when it is complete.
///
/// Bytes go to a temporary file beside the target; `commit` flushes it to the disk and renames it. Until then, and if
/// the process dies, the target keeps what it held. A target that is no regular file (a pipe, a device) is written
/// directly, and so are `/dev/stdout`, `/dev/stderr` and `/dev/fd/N` whatever they are.
public final class AtomicFile {
  /// The target as it was named.
  public let path: String
  private let target: String
  /// Nil where the target is written directly, and when all is done.
  private var temporary: TemporaryEntry?
  /// Nil when all is done.
  private var descriptor: Int32?
  private let isDirect: Bool

  /// Opens the temporary file.
  /// - Throws: `FileError` of kind `transfer` if it cannot be made.
  public init(path: String) throws(FileError) {
    self.path = path
    var status = stat()
    let exists = stat(path, &status) == 0
    if let inherited = Self.inheritedDescriptor(path) {
      target = path
      isDirect = true
      descriptor = try Self.valid(dup(inherited), path)
    } else if exists, status.st_mode & S_IFMT != S_IFREG {
      target = path
      isDirect = true
      descriptor = try Self.valid(opened(path, O_WRONLY), path)
    } else {
      // Behind a symbolic link it is the file that is replaced, not the link.
      target = exists ? Self.resolved(path) : path
      isDirect = false
      let entry: TemporaryEntry
      do { entry = try TemporaryEntry(beside: target, .file) } catch {
        throw FileError(path: path, kind: error.kind, reason: error.reason)
      }
      if exists { fchmod(entry.descriptor, status.st_mode & 0o777) }
      temporary = entry
      descriptor = entry.descriptor
    }
  }

  deinit { discard() }

  private static func valid(_ descriptor: Int32, _ path: String) throws(FileError) -> Int32 {
    guard descriptor >= 0 else { throw FileError(path: path, kind: .transfer, action: "create") }
    return descriptor
  }

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
    try check(bytes.withUnsafeBytes { writeAll($0, to: descriptor ?? -1) })
  }

  /// Appends bytes to the temporary file.
  /// - Throws: `FileError` if the disk is full or fails, or the file was committed before.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    try check(writeAll(bytes, to: descriptor ?? -1))
  }

  private func check(_ code: Int32?) throws(FileError) {
    if let code { throw FileError(path: path, kind: .transfer, action: "write", code: code) }
  }

  /// Flushes the file to the disk and puts it in the target's place.
  /// - Throws: `FileError`; the target then keeps what it held and the temporary file is gone.
  public func commit() throws(FileError) {
    guard let descriptor else { return }
    defer { discard() }
    guard flushed(descriptor) else { throw FileError(path: path, kind: .transfer, action: "flush") }
    if isDirect {
      self.descriptor = nil
      if close(descriptor) != 0 { throw FileError(path: path, kind: .transfer, action: "close") }
    } else if let temporary {
      // While it is open it is locked, and nobody takes it for a dead process's.
      guard rename(temporary.path, target) == 0 else {
        throw FileError(path: path, kind: .transfer, action: "rename")
      }
      temporary.release()
      self.temporary = nil
      self.descriptor = nil
      flushDirectory(of: target)
    }
  }

  /// Removes the temporary file and leaves the target as it was; without effect after `commit`.
  public func discard() {
    if isDirect, let descriptor { close(descriptor) }
    descriptor = nil
    temporary?.remove()
    temporary = nil
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

/// Hands a file's bytes to the disk; true also for pipes and terminals, which cannot be flushed.
func flushed(_ descriptor: Int32) -> Bool {
  while fsync(descriptor) != 0 {
    if errno == EINVAL || errno == ENOTSUP { return true }
    if errno != EINTR { return false }
  }
  return true
}

/// Hands the names in a target's directory to the disk: a new name is safe only then. File systems that cannot flush a
/// directory need not.
func flushDirectory(of target: String) {
  let directory = opened(TemporaryEntry.split(target).directory + ".", O_RDONLY)
  guard directory >= 0 else { return }
  fsync(directory)
  close(directory)
}
