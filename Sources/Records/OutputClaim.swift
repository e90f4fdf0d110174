#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Keeps other processes from writing the same directory while it is being made, from the first look at it to the end.
///
/// The claim is an empty temporary file beside the directory, locked while its process lives: a process that is killed
/// claims nothing any more, and its file goes when the next claim is made.
public final class OutputClaim {
  private let entry: TemporaryEntry

  /// Claims the directory, which need not exist yet. Where it cannot be made for want of rights or of a folder to hold
  /// it, this is noticed now.
  /// - Throws: `FileError` of kind `transfer`: another process has claimed it, or nothing can be made there.
  public init(directory path: String) throws(FileError) {
    let target = AtomicDirectory.trimmed(path)
    entry = try TemporaryEntry(beside: target, .file)
    // A child between its fork and its exec may hold a dead process's lock a moment longer.
    var attempts = 0
    while TemporaryEntry.others(beside: target).contains(where: { $0 != entry.path && TemporaryEntry.isLocked($0) }) {
      attempts += 1
      guard attempts < 20 else {
        entry.remove()
        throw FileError(path: path, kind: .transfer, reason: "is being written by another process")
      }
      usleep(10_000)
    }
  }

  deinit { entry.remove() }
}
