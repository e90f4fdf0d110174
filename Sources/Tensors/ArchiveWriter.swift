import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes a tensor archive: one zstd frame after another, each a complete safetensors file.
///
/// A frame is in the file, readable by others, when `append` returns. The file is locked while it is being written, so
/// that two processes do not interleave their frames.
public final class ArchiveWriter: Sendable {
  private struct State: Sendable {
    /// Nil once closed.
    var file: OpenFile?
    /// Where the next frame goes.
    var end: Int
  }

  /// The path as it was given; what the references name.
  public let path: String
  private let state: Mutex<State>

  /// Opens the archive at `path`, making it where there is none.
  /// - Parameter appending: go on behind what is there instead of emptying the file. A torn frame at the end (its
  ///   writer was killed) stays where it is; no record refers to it.
  /// - Throws: `TensorError` of kind `inputOutput`: kind `opening` is for files that are to be read.
  public init(path: String, appending: Bool = false) throws(TensorError) {
    self.path = path
    let file: OpenFile
    let length: Int
    do {
      file = try OpenFile(path: path, flags: O_RDWR | O_CREAT)
      length = try file.length()
    } catch { throw TensorError(.inputOutput, source: error.source, error.reason) }
    // Where the file system knows no locks, nothing but the lock is missing.
    // A process that was stopped, or a child between its fork and its exec, may hold the lock a moment longer.
    var attempts = 0
    while flock(file.descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      attempts += 1
      guard attempts < 20 else {
        throw TensorError(.inputOutput, source: path, "is being written by another process")
      }
      usleep(10_000)
    }
    // Only now that nobody else is writing.
    if !appending, ftruncate(file.descriptor, 0) != 0 {
      throw TensorError(.inputOutput, source: path, "cannot be emptied: \(lastSystemErrorText())")
    }
    state = Mutex(State(file: file, end: appending ? length : 0))
  }

  /// Compresses `file` into one frame and writes it; the next frame follows it, also when this one fails half-way.
  /// - Throws: `TensorError` of kind `inputOutput` with the archive and the system's reason.
  public func append(_ file: TensorFile) throws(TensorError) -> FrameReference {
    let frame: CompressedFrame
    do { frame = try CompressedFrame(file) } catch { throw TensorError(error.kind, source: path, error.reason) }
    return try append(frame)
  }

  /// Writes a frame that is compressed already; the next frame follows it, also when this one fails half-way.
  /// - Throws: `TensorError` of kind `inputOutput` with the archive and the system's reason.
  public func append(_ compressed: CompressedFrame) throws(TensorError) -> FrameReference {
    let frame = compressed.bytes
    return try state.withLock { (state) throws(TensorError) in
      guard let file = state.file else { throw TensorError(.inputOutput, source: path, "is closed already") }
      try file.write(frame, at: state.end)
      let reference = FrameReference(archive: path, offset: state.end, bytes: frame.count)
      state.end += frame.count
      return reference
    }
  }

  /// Hands the frames to the disk and closes the file.
  /// - Throws: `TensorError` of kind `inputOutput` if the disk did not take them.
  public func close() throws(TensorError) {
    try state.withLock { (state) throws(TensorError) in
      guard let file = state.file else { return }
      state.file = nil
      guard fsync(file.descriptor) == 0 else {
        throw TensorError(.inputOutput, source: path, "cannot be flushed: \(lastSystemErrorText())")
      }
    }
  }
}
