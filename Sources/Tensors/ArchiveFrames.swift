import CZstd

/// The frames of an archive one after the other, without records that name them.
public final class ArchiveFrames {
  private let file: MappedFile
  private let reader: ArchiveReader
  private var offset = 0

  /// Opens an archive.
  /// - Throws: `TensorError` if it cannot be opened.
  public init(path: String, limit: Int = ArchiveReader.standardLimit) throws(TensorError) {
    file = try MappedFile(path: path)
    reader = ArchiveReader(limit: limit)
  }

  /// Whether the file at `path` begins as an archive does: a zstd frame with a safetensors file in it. False of what
  /// cannot be read.
  public static func isArchive(path: String) -> Bool {
    guard let file = try? MappedFile(path: path), file.count >= 4,
      file.bytes[..<4].elementsEqual([0x28, 0xB5, 0x2F, 0xFD]), let context = ZSTD_createDCtx()
    else { return false }
    defer { ZSTD_freeDCtx(context) }
    var start = [UInt8](repeating: 0, count: TensorHeader.prefixLength + 1)
    var input = ZSTD_inBuffer(src: file.bytes.baseAddress, size: file.count, pos: 0)
    let count = start.withUnsafeMutableBytes { buffer in
      var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
      while output.pos < output.size, input.pos < input.size {
        let (taken, put) = (input.pos, output.pos)
        if ZSTD_isError(ZSTD_decompressStream(context, &output, &input)) != 0 { break }
        if input.pos == taken, output.pos == put { break }
      }
      return output.pos
    }
    // The length of the header in eight bytes, of which text holds no zero, and the header's brace.
    return count == start.count && start[7] == 0 && start[8] == UInt8(ascii: "{")
  }

  /// Where the next frame lies; nil behind the last one.
  ///
  /// Frames that zstd's format lets readers skip are skipped.
  /// - Throws: `TensorError` if no whole frame stands there: nothing behind it can be found.
  public func next() throws(TensorError) -> FrameReference? {
    while offset < file.count {
      let rest = UnsafeRawBufferPointer(rebasing: file.bytes[offset...])
      let reference = FrameReference(archive: file.path, offset: offset, bytes: rest.count)
      let length = ZSTD_findFrameCompressedSize(rest.baseAddress, rest.count)
      guard ZSTD_isError(length) == 0, length > 0 else {
        offset = file.count
        throw TensorError(
          source: reference.description, "no whole zstd frame starts here, and \(rest.count) bytes are left")
      }
      offset += length
      // 0x184D2A50 to 0x184D2A5F, little endian.
      if rest.count >= 4, rest[0] & 0xF0 == 0x50, rest[1] == 0x2A, rest[2] == 0x4D, rest[3] == 0x18 { continue }
      return FrameReference(archive: file.path, offset: reference.offset, bytes: length)
    }
    return nil
  }

  /// Reads a frame that `next` has found.
  /// - Throws: as `ArchiveReader.read`.
  public func read(_ reference: FrameReference) throws(TensorError) -> TensorFile { try reader.read(reference) }
}
