import Records
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
/// that two processes do not interleave their frames. What it held is cut off when the first frame comes, or when the
/// writer is closed, and not before: a tool that fails early leaves the archive as it was.
public final class ArchiveWriter: Sendable {
  private struct State: Sendable {
    /// Nil once closed.
    var file: OpenFile?
    /// Where the next frame goes.
    var end: Int
    /// Whether there may be something behind `end` that is not wanted.
    var isCut: Bool
  }

  /// The path as it was given; what the references name.
  public let path: String
  private let state: Mutex<State>
  private static let frameMagic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

  /// Opens the archive at `path`, making it where there is none.
  /// - Parameters:
  ///   - appending: go on behind what is there. A torn frame at the end (its writer was killed) stays where it is; no
  ///     record refers to it.
  ///   - kept: the length of what stays of the archive, else: frames that records name already.
  /// - Throws: `TensorError` of kind `inputOutput`: the file cannot be made or written, another process is writing it, it
  ///   is shorter than what should stay, or it is no archive, but something that must not be lost. (Kind `opening` is
  ///   for files that are to be read.)
  public init(path: String, appending: Bool = false, keeping kept: Int = 0) throws(TensorError) {
    self.path = path
    let file: OpenFile
    let length: Int
    do throws(TensorError) {
      file = try Self.locked(path)
      length = try file.length()
      let start = try file.read(min(length, Self.frameMagic.count), at: 0)
      guard Self.frameMagic.starts(with: start) else {
        throw TensorError(source: path, "holds something that is no tensor archive; it is not overwritten")
      }
    } catch { throw TensorError(.inputOutput, source: error.source, error.reason) }
    guard appending || kept <= length else {
      throw TensorError(
        .inputOutput, source: path, "has \(length) bytes, expected \(kept) that records name already")
    }
    let end = appending ? length : max(0, kept)
    state = Mutex(State(file: file, end: end, isCut: end == length))
  }

  /// Opens and locks the file. Where the file system knows no locks, nothing but the lock is missing.
  private static func locked(_ path: String) throws(TensorError) -> OpenFile {
    var attempts = 0
    while true {
      let file = try OpenFile(path: path, flags: O_RDWR | O_CREAT)
      let code = flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
      // Someone may have removed the file in between: what is written into it now nobody would find.
      if code != EWOULDBLOCK, code != EINTR, FileIdentity(path: path) == FileIdentity(descriptor: file.descriptor) {
        return file
      }
      // A process that was stopped, or a child between its fork and its exec, may hold the lock a moment longer.
      attempts += 1
      guard attempts < 20 else { throw TensorError(source: path, "is being written by another process") }
      usleep(10_000)
    }
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
      try cut(&state, file)
      try file.write(frame, at: state.end)
      let reference = FrameReference(archive: path, offset: state.end, bytes: frame.count)
      state.end += frame.count
      return reference
    }
  }

  private func cut(_ state: inout State, _ file: OpenFile) throws(TensorError) {
    guard !state.isCut else { return }
    let end = state.end
    guard retryingInterrupted({ Int(ftruncate(file.descriptor, off_t(end))) }) == 0 else {
      throw TensorError(.inputOutput, source: path, "cannot be cut: \(lastSystemErrorText())")
    }
    state.isCut = true
  }

  /// Hands the frames to the disk and closes the file.
  /// - Throws: `TensorError` of kind `inputOutput` if the disk did not take them.
  public func close() throws(TensorError) {
    try state.withLock { (state) throws(TensorError) in
      guard let file = state.file else { return }
      try cut(&state, file)
      state.file = nil
      guard retryingInterrupted({ Int(fsync(file.descriptor)) }) == 0 else {
        throw TensorError(.inputOutput, source: path, "cannot be flushed: \(lastSystemErrorText())")
      }
    }
  }
}
