#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A directory that appears under its name only when all of its files are complete.
///
/// Files are written to a temporary directory beside the target; `commit` exchanges the two in one system call and
/// removes what was there. A killed process leaves the old directory or the new one.
public struct AtomicDirectory {
  /// The target as it was named.
  public let path: String
  /// Where the files are to be written.
  public let temporary: String

  /// Makes the temporary directory.
  /// - Throws: `FileError` of kind `transfer` if it cannot be made.
  public init(path: String) throws(FileError) {
    var target = path
    while target.count > 1, target.hasSuffix("/") { target.removeLast() }
    self.path = target
    temporary = target + ".\(getpid()).tmp"
    guard mkdir(temporary, 0o777) == 0 else {
      throw FileError(path: path, kind: .transfer, action: "create")
    }
  }

  /// Puts the directory in its place.
  /// - Throws: `FileError` of kind `transfer`; the target is then as it was.
  public func commit() throws(FileError) {
    var status = stat()
    if lstat(path, &status) != 0 {
      guard rename(temporary, path) == 0 else { throw FileError(path: path, kind: .transfer, action: "rename to") }
      return
    }
    let exchanged = exchange(temporary, path)
    guard exchanged == 0 else { throw FileError(path: path, kind: .transfer, action: "replace") }
    discard()
  }

  /// Removes the temporary directory and the files in it.
  public func discard() {
    guard let directory = opendir(temporary) else { return }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { unlink(temporary + "/" + name) }
    }
    closedir(directory)
    rmdir(temporary)
  }

  /// Makes two paths change places.
  private func exchange(_ first: String, _ second: String) -> Int32 {
    #if canImport(Darwin)
      return renamex_np(first, second, UInt32(RENAME_SWAP))
    #else
      // The C library has the call, its Swift module not.
      typealias Exchange =
        @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
      guard let symbol = dlsym(nil, "renameat2") else {
        errno = ENOSYS
        return -1
      }
      let exchangeFlag: UInt32 = 2
      return unsafeBitCast(symbol, to: Exchange.self)(AT_FDCWD, first, AT_FDCWD, second, exchangeFlag)
    #endif
  }
}
