#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file mapped into memory for reading, until the last reference goes.
///
/// The bytes are those of the file: another process that shortens it in place takes them away (see `MappingFaults`).
/// Writers that replace a file by renaming (as all of these tools do for models and adapters) leave a mapping intact.
public final class MappedFile: Sendable {
  /// The path as it was given.
  public let path: String
  /// The whole file; valid while this object lives. Empty for an empty file.
  public nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

  private let slot: Int?
  private let file: OpenFile
  private let state: FileState

  /// Length of the file in bytes.
  public var count: Int { bytes.count }

  /// Maps the file at `path`.
  /// - Throws: `TensorError` with the system's reason if it cannot be opened or mapped.
  public init(path: String) throws(TensorError) {
    let file = try OpenFile(path: path, flags: O_RDONLY)
    let length = try file.length()
    self.path = path
    self.file = file
    state = try FileState(file.status())
    guard length > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      slot = nil
      return
    }
    guard let address = mmap(nil, length, PROT_READ, MAP_PRIVATE, file.descriptor, 0), address != MAP_FAILED else {
      throw TensorError(.opening, source: path, "cannot be mapped: \(lastSystemErrorText())")
    }
    bytes = UnsafeRawBufferPointer(start: address, count: length)
    slot = MappingFaults.register(bytes, path: path)
  }

  deinit {
    if hasChanged { MappingFaults.noteChanged(path) }
    MappingFaults.release(slot)
    if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
  }

  /// Whether the file was written to since it was mapped. (One that was replaced by another, or removed, was not.)
  public var hasChanged: Bool {
    guard let now = try? file.status() else { return false }
    return FileState(now) != state
  }

  /// The `count` bytes from `offset`.
  /// - Throws: `TensorError` if they are not all inside the file.
  public func checked(offset: Int, count: Int) throws(TensorError) -> UnsafeRawBufferPointer {
    guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
      throw TensorError(
        source: path, "\(count) bytes at offset \(offset) are wanted, but the file has \(bytes.count) bytes")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }
}

/// What changes with a file's content.
private struct FileState: Equatable {
  private let length: Int
  private let seconds: Int
  private let nanoseconds: Int

  init(_ status: stat) {
    length = Int(status.st_size)
    #if canImport(Darwin)
      let time = status.st_mtimespec
    #else
      let time = status.st_mtim
    #endif
    (seconds, nanoseconds) = (Int(time.tv_sec), Int(time.tv_nsec))
  }
}
