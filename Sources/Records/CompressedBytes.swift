/// The decoded bytes of a compressed stream.
///
/// Bytes in which a step of decoding finds damage are not given out; those of earlier steps have been.
final class CompressedBytes {
  let compression: Compression
  private let source: DescriptorBytes
  private let decoder: any StreamDecoder
  private var block: [UInt8]
  private var position = 0
  private var end: Int

  /// Bytes of the source that have been read and not decoded.
  var unusedLength: Int { end - position }

  /// - Parameters:
  ///   - block: Memory for a block of the source; its first `count` bytes have been read.
  init(
    _ compression: Compression, of source: DescriptorBytes, block: [UInt8], count: Int
  ) throws(FileError) {
    self.compression = compression
    self.source = source
    self.block = block
    end = count
    do { decoder = try compression.makeDecoder() } catch {
      throw FileError(path: source.name, kind: .transfer, reason: error.reason)
    }
  }

  /// Fills `buffer` from its beginning, as far as one step of decoding goes; 0 at the end.
  ///
  /// It waits for more of the source only when all that came before has been given out, so that a stream which its
  /// writer flushes is read line by line.
  func read(into buffer: inout [UInt8]) throws(FileError) -> Int {
    while true {
      if position == end, !decoder.hasOutput {
        position = 0
        end = try source.read(into: &block)
        if end == 0 {
          if let failure = decoder.failureAtEnd { throw fileError(failure) }
          return 0
        }
      }
      let count = try decode(into: &buffer)
      if count > 0 { return count }
    }
  }

  private func decode(into buffer: inout [UInt8]) throws(FileError) -> Int {
    do {
      let range = position..<end
      // Typed errors do not pass through the closures' generic rethrowing.
      let result = block.withUnsafeBytes { input in
        buffer.withUnsafeMutableBytes { output in
          Result { () throws(DecodingFailure) in
            try decoder.decode(UnsafeRawBufferPointer(rebasing: input[range]), into: output)
          }
        }
      }
      let (taken, put) = try result.get()
      position += taken
      return put
    } catch { throw fileError(error) }
  }

  private func fileError(_ failure: DecodingFailure) -> FileError {
    FileError(path: source.name, kind: .transfer, reason: failure.reason)
  }
}
