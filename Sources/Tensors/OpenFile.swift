#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The text of the last failed system call's `errno`.
func lastSystemErrorText() -> String {
  let code = errno
  return strerror(code).map { String(cString: $0) } ?? "error \(code)"
}

/// Repeats a call that a signal interrupted.
func retryingInterrupted(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}

/// An open file that is closed with the last reference to it.
final class OpenFile: Sendable {
  let path: String
  let descriptor: Int32

  /// Opens `path`; a directory is refused.
  /// - Throws: `TensorError` of kind `opening` with the system's reason.
  init(path: String, flags: Int32) throws(TensorError) {
    self.path = path
    descriptor = Int32(retryingInterrupted { Int(open(path, flags | O_CLOEXEC, 0o666)) })
    guard descriptor >= 0 else {
      throw TensorError(.opening, source: path, "cannot be opened: \(lastSystemErrorText())")
    }
  }

  deinit { _ = close(descriptor) }

  /// What the system says of the file now.
  func status() throws(TensorError) -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw TensorError(.inputOutput, source: path, "cannot be examined: \(lastSystemErrorText())")
    }
    return status
  }

  /// Length in bytes.
  /// - Throws: `TensorError` of kind `opening` if this is a directory, a pipe or a device, which have none.
  func length() throws(TensorError) -> Int {
    let status = try status()
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "is a directory" : "is not a regular file"
      throw TensorError(.opening, source: path, kind)
    }
    return Int(status.st_size)
  }

  /// Reads exactly `count` bytes from `offset`.
  func read(_ count: Int, at offset: Int) throws(TensorError) -> [UInt8] {
    var failure: String?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while initialized < count, let base = buffer.baseAddress {
        let done = retryingInterrupted {
          pread(descriptor, base + initialized, count - initialized, off_t(offset + initialized))
        }
        if done <= 0 {
          failure = done < 0 ? lastSystemErrorText() : "it ends after \(initialized) of \(count) bytes"
          return
        }
        initialized += done
      }
    }
    if let failure { throw TensorError(.inputOutput, source: path, "cannot be read at offset \(offset): \(failure)") }
    return bytes
  }

  /// Writes all `bytes` at `offset`.
  func write(_ bytes: [UInt8], at offset: Int) throws(TensorError) {
    var failure: String?
    bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count, let base = buffer.baseAddress {
        let done = retryingInterrupted {
          pwrite(descriptor, base + written, buffer.count - written, off_t(offset + written))
        }
        if done <= 0 {
          failure = done < 0 ? lastSystemErrorText() : "nothing was written"
          return
        }
        written += done
      }
    }
    if let failure {
      throw TensorError(.inputOutput, source: path, "cannot be written at offset \(offset): \(failure)")
    }
  }
}
