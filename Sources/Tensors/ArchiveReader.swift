import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Reads frames of tensor archives from anywhere in them, also while they grow. Open files are kept for the next frame.
public final class ArchiveReader: Sendable {
  /// Content of a frame that is read without being asked for more: 1 GiB.
  public static let standardLimit = 1 << 30
  /// More archives than a stream has any use for at once; beyond it they are opened anew.
  private static let maximumOpenFiles = 16

  private let limit: Int
  private let files = Mutex<[String: OpenFile]>([:])

  /// A reader that refuses frames of more than `limit` bytes of content.
  public init(limit: Int = ArchiveReader.standardLimit) {
    self.limit = limit
  }

  /// Reads and checks one frame.
  /// - Throws: `TensorError` with archive, offset and reason: the archive cannot be opened, the range is not inside it,
  ///   does not hold exactly one undamaged frame of allowed size, or its content is no safetensors file.
  public func read(_ reference: FrameReference) throws(TensorError) -> TensorFile {
    let file = try open(reference.archive)
    let length = try file.length()
    guard reference.offset >= 0, reference.bytes > 0, reference.offset <= length,
      reference.bytes <= length - reference.offset
    else {
      throw TensorError(
        source: reference.description,
        "the frame should take \(reference.bytes) bytes, but the archive has \(length) bytes in all")
    }
    guard reference.bytes <= ZstdFrame.maximumLength(content: limit) else {
      throw TensorError(
        source: reference.description,
        "the frame takes \(reference.bytes) bytes, more than \(limit) bytes of content need")
    }
    let frame = try file.read(reference.bytes, at: reference.offset)
    let content: [UInt8]
    do { content = try ZstdFrame.decompress(frame, limit: limit) } catch {
      throw TensorError(source: reference.description, error.reason)
    }
    return try TensorFile(parsing: content, source: reference.description)
  }

  private func open(_ path: String) throws(TensorError) -> OpenFile {
    try files.withLock { (files) throws(TensorError) in
      if let file = files[path] { return file }
      let file = try OpenFile(path: path, flags: O_RDONLY)
      if files.count >= Self.maximumOpenFiles { files.removeAll() }
      files[path] = file
      return file
    }
  }
}
