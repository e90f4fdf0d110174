import Checkpoints
import Kernels
import Records
import Synchronization
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// An adapter with its training state, saved as a whole.
public enum AdapterDirectory {
  /// What may stand in one; nothing else is ever replaced or removed.
  private static let names = [
    "adapter_config.json", "adapter_model.safetensors", "README.md", TrainingState.stateName, TrainingState.momentsName,
  ]

  /// Replaces the directory, or makes it, in one move.
  /// - Throws: `TrainingError` if something else than an adapter stands there; `FileError` or `TensorError`.
  public static func write(_ adapter: Adapter, state: TrainingState, to path: String) throws {
    try checkReplaceable(path)
    let directory = try AtomicDirectory(path: path, names: names)
    do {
      try together(
        { try adapter.write(directory: directory.temporary) }, { try state.write(directory: directory.temporary) })
      try directory.commit()
    } catch {
      directory.discard()
      switch error {
      case let error as FileError: throw directory.renamed(error)
      case let error as TensorError:
        throw TensorError(error.kind, source: directory.renamed(error.source), error.reason)
      default: throw error
      }
    }
  }

  /// Does two things at a time.
  /// - Throws: what the first throws, or else the second.
  private static func together(_ first: () throws -> Void, _ second: () throws -> Void) throws {
    let failures = Mutex<[(any Error)?]>([nil, nil])
    WorkerPool(threads: 2).run(2) { part, _ in
      do { try part == 0 ? first() : second() } catch { failures.withLock { $0[part] = error } }
    }
    for case let failure? in failures.withLock({ $0 }) { throw failure }
  }

  /// Refuses to replace a directory that holds something else than an adapter, and to make one where nothing can be
  /// made: better known before the training than after it.
  /// - Throws: `TrainingError`; `FileError` of kind `transfer`.
  public static func checkReplaceable(_ path: String) throws {
    var target = path[...]
    while target.count > 1, target.hasSuffix("/") { target.removeLast() }
    let parent = target.lastIndex(of: "/").map { $0 == target.startIndex ? "/" : String(target[..<$0]) } ?? "."
    guard access(parent, W_OK | X_OK) == 0 else { throw FileError(path: path, kind: .transfer, action: "create") }
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw TrainingError("\(path): there is something that is no directory; it is not replaced")
    }
    guard let directory = opendir(path) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name == "." || name == ".." || names.contains(name) else {
        throw TrainingError("\(path): holds \(name), which is no part of an adapter; the directory is not replaced")
      }
    }
  }
}
