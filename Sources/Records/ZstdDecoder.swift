import CZstd

/// Decodes zstd frames one behind the other; checksums are verified where frames have them.
final class ZstdDecoder: StreamDecoder {
  /// Frames made with `zstd --long` above this would need more memory for their window than a tool should spend on
  /// reading its input: 128 MiB, which is also the limit of zstd's own tool.
  private static let largestWindowLog: Int32 = 27

  private(set) var hasOutput = false
  private let context: OpaquePointer
  private var isBetweenFrames = true
  private var isFirstFrame = true
  /// Bytes taken since the frame began.
  private var taken = 0

  init() throws(DecodingFailure) {
    guard let context = ZSTD_createDCtx() else {
      throw DecodingFailure(reason: "cannot set up the decoding of zstd: out of memory")
    }
    self.context = context
    let code = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.largestWindowLog)
    if ZSTD_isError(code) != 0 { throw DecodingFailure(reason: "cannot set up the decoding of zstd") }
  }

  deinit { ZSTD_freeDCtx(context) }

  private static let trailing = DecodingFailure(reason: "behind the end of the zstd data stand bytes that are no zstd")

  var failureAtEnd: DecodingFailure? {
    if isBetweenFrames { return nil }
    // With fewer bytes than a magic number has, zstd waits for the rest.
    if !isFirstFrame, taken < Compression.magicLength { return Self.trailing }
    return DecodingFailure(reason: "the zstd data is truncated")
  }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(DecodingFailure) -> (taken: Int, put: Int) {
    if isBetweenFrames {
      hasOutput = false
      if input.isEmpty { return (0, 0) }
      taken = 0
      isBetweenFrames = false
    }
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let code = ZSTD_decompressStream(context, &target, &source)
    if ZSTD_isError(code) != 0 { throw failure(code) }
    taken += source.pos
    if code == 0 {
      isBetweenFrames = true
      isFirstFrame = false
    }
    hasOutput = code != 0 && target.pos == target.size
    return (source.pos, target.pos)
  }

  private func failure(_ code: Int) -> DecodingFailure {
    switch ZSTD_getErrorCode(code) {
    case ZSTD_error_prefix_unknown where !isFirstFrame: Self.trailing
    case ZSTD_error_frameParameter_windowTooLarge:
      DecodingFailure(
        reason:
          "the zstd data needs a window of more than 2^\(Self.largestWindowLog) bytes (zstd --long=\(Self.largestWindowLog) is the most)"
      )
    default: DecodingFailure(reason: "the zstd data is damaged: \(String(cString: ZSTD_getErrorName(code)))")
    }
  }
}
