/// A frame as it goes into an archive. Compressing needs no archive, so several threads can do it at once.
public struct CompressedFrame: Sendable {
  let bytes: [UInt8]

  /// Compresses a file into one frame.
  /// - Throws: `TensorError` of kind `inputOutput` with an empty source and zstd's reason, such as want of memory.
  public init(_ file: TensorFile) throws(TensorError) {
    do { bytes = try ZstdFrame.compress(file.encoded()) } catch {
      throw TensorError(.inputOutput, source: "", error.reason)
    }
  }
}
