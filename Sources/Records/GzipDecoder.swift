import CZlib

/// Decodes gzip members one behind the other, lengths and checksums verified.
final class GzipDecoder: StreamDecoder {
  private(set) var hasOutput = false
  /// zlib keeps a pointer to its stream, so the stream must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private var isBetweenMembers = true
  private var isFirstMember = true

  init() throws(DecodingFailure) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // The largest window that deflate has, and 16 for the gzip wrapper.
    let code = inflateInit2_(stream, MAX_WBITS + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else {
      stream.deallocate()
      throw DecodingFailure(reason: "cannot set up the decoding of gzip: out of memory")
    }
    self.stream = stream
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Whether the bytes of this member are still too few to be gzip's magic number.
  private var isBeforeMagic: Bool { stream.pointee.total_in <= 2 }

  private static let trailing = DecodingFailure(reason: "behind the end of the gzip data stand bytes that are no gzip")

  var failureAtEnd: DecodingFailure? {
    if isBetweenMembers { return nil }
    if !isFirstMember, isBeforeMagic { return Self.trailing }
    return DecodingFailure(reason: "the gzip data is truncated")
  }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(DecodingFailure) -> (taken: Int, put: Int) {
    if isBetweenMembers {
      hasOutput = false
      if input.isEmpty { return (0, 0) }
      if !isFirstMember, inflateReset(stream) != Z_OK { throw DecodingFailure(reason: "cannot decode gzip") }
      isBetweenMembers = false
    }
    let (inputCount, outputCount) = (min(input.count, Int(Int32.max)), min(output.count, Int(Int32.max)))
    // zlib does not write to its input; its declaration is older than const.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(inputCount)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(outputCount)
    let code = inflate(stream, Z_NO_FLUSH)
    let taken = inputCount - Int(stream.pointee.avail_in)
    let put = outputCount - Int(stream.pointee.avail_out)
    hasOutput = stream.pointee.avail_out == 0
    switch code {
    // No progress was possible: there was no input, and no output was waiting.
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END:
      isBetweenMembers = true
      isFirstMember = false
      hasOutput = false
    case Z_DATA_ERROR where !isFirstMember && isBeforeMagic: throw Self.trailing
    default:
      let words = stream.pointee.msg.map { String(cString: $0) } ?? String(cString: zError(code))
      throw DecodingFailure(reason: "the gzip data is damaged: \(words)")
    }
    return (taken, put)
  }
}
