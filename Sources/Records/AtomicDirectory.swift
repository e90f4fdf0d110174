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
  public var temporary: String { entry.path }
  private let names: [String]
  private let entry: TemporaryEntry

  /// Makes the temporary directory, after removing those that dead processes left beside the target.
  /// - Parameters:
  ///   - path: The target.
  ///   - names: Of all files that the old or the new directory may hold. Nothing else is ever removed from either.
  /// - Throws: `FileError` of kind `transfer` if it cannot be made.
  public init(path: String, names: [String]) throws(FileError) {
    self.path = Self.trimmed(path)
    self.names = names
    Self.restore(self.path, names)
    entry = try TemporaryEntry(beside: self.path, .directory(names))
  }

  /// The path without slashes at its end, and with a name: `.` has none to write beside.
  static func trimmed(_ path: String) -> String {
    var target = path
    while target.utf8.count > 1, target.hasSuffix("/") { target.removeLast() }
    guard [".", ".."].contains(TemporaryEntry.split(target).name), let real = realpath(target, nil) else {
      return target
    }
    defer { free(real) }
    return String(cString: real)
  }

  /// Puts the directory in its place.
  /// - Throws: `FileError` of kind `transfer`; the target is then as it was.
  public func commit() throws(FileError) {
    var status = stat()
    if lstat(path, &status) != 0 {
      guard rename(temporary, path) == 0 else { throw FileError(path: path, kind: .transfer, action: "rename to") }
      entry.release()
    } else if exchange(temporary, path) == 0 {
      discard()
    } else if [ENOSYS, EINVAL, ENOTSUP].contains(errno) {
      try replaceInTwoMoves()
    } else {
      throw FileError(path: path, kind: .transfer, action: "replace")
    }
    flushDirectory(of: path)
  }

  /// Removes the temporary directory and the files in it.
  public func discard() { entry.remove() }

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

  // MARK: File systems that cannot exchange, such as NFS

  private static let asideEnding = ".old"

  /// Moves the old directory aside and the new one in its place. A process killed between the two leaves no directory
  /// under its name, but the old one beside it, which the next one puts back.
  private func replaceInTwoMoves() throws(FileError) {
    let aside = String(temporary.dropLast(".tmp".count)) + Self.asideEnding
    // Locked, so that nobody puts it back meanwhile.
    let old = TemporaryEntry.locked(path)
    defer { if let old { close(old) } }
    guard rename(path, aside) == 0 else { throw FileError(path: path, kind: .transfer, action: "replace") }
    guard rename(temporary, path) == 0 else {
      let code = errno
      rename(aside, path)
      throw FileError(path: path, kind: .transfer, action: "replace", code: code)
    }
    entry.release()
    TemporaryEntry.remove(aside, .directory(names))
  }

  /// Puts back, or removes where that is not needed, what a process killed between the two moves left aside.
  private static func restore(_ path: String, _ names: [String]) {
    for aside in TemporaryEntry.others(beside: path, ending: asideEnding) {
      guard let descriptor = TemporaryEntry.locked(aside) else { continue }
      defer { close(descriptor) }
      if FileIdentity(entry: path) == nil {
        rename(aside, path)
      } else {
        TemporaryEntry.remove(aside, .directory(names))
      }
    }
  }
}
