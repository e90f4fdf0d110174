import CZstd

/// One zstd frame in memory: content size declared, content checksum on.
enum ZstdFrame {
  /// Frames of token numbers and weights shrink to a third.
  private static let ordinaryLevel: Int32 = 3
  /// Larger frames are states of the model. As floats they shrink by 7 % at any level; left as they are, they are read
  /// eight times as fast, and that is what new weights from stored scores wait for.
  private static let statesLevel: Int32 = -1
  private static let largestOrdinaryContent = 1 << 17

  private static func level(_ content: [UInt8]) -> Int32 {
    content.count > largestOrdinaryContent ? statesLevel : ordinaryLevel
  }

  /// Four magic bytes and the frame header descriptor.
  private static let minimumLength = 5
  private static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
  /// A block holds at most this much content…
  private static let maximumBlockContent = 1 << 17
  /// …and takes at least this much of the frame (a header of three bytes and one byte to repeat).
  private static let minimumBlockLength = 4

  /// Frames of tokens, weights and states shrink to a third at most, but for small ones of few values.
  private static let mostExpansion = 4
  private static let smallContent = 32 << 20

  /// Why a frame cannot be written or read; the caller says where it lies.
  struct Failure: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    init(_ action: String, code: Int) {
      reason = "\(action): \(ZSTD_getErrorName(code).map { String(cString: $0) } ?? "unknown error")"
    }
  }

  /// The longest frame that can be worth reading for `count` bytes of content.
  static func maximumLength(content count: Int) -> Int {
    let (sum, overflow) = count.addingReportingOverflow(count / 128 + 1024)
    return overflow ? .max : sum
  }

  static func compress(_ content: [UInt8]) throws(Failure) -> [UInt8] {
    guard let context = ZstdContexts.compression.take() else { throw Failure("out of memory") }
    defer { ZstdContexts.compression.giveBack(context) }
    for (parameter, value) in [
      (ZSTD_c_compressionLevel, level(content)), (ZSTD_c_checksumFlag, 1), (ZSTD_c_contentSizeFlag, 1),
    ] {
      let code = ZSTD_CCtx_setParameter(context, parameter, value)
      if ZSTD_isError(code) != 0 { throw Failure("cannot set up compression", code: code) }
    }
    let bound = ZSTD_compressBound(content.count)
    var code = 0
    let frame = [UInt8](unsafeUninitializedCapacity: bound) { buffer, initialized in
      code = content.withUnsafeBytes {
        ZSTD_compress2(context, buffer.baseAddress, bound, $0.baseAddress, $0.count)
      }
      initialized = ZSTD_isError(code) != 0 ? 0 : code
    }
    if ZSTD_isError(code) != 0 { throw Failure("cannot be compressed", code: code) }
    return frame
  }

  /// Takes a frame apart. What it declares is checked before memory is set aside for it; decoding goes straight into
  /// the content, so the frame's window costs no memory of its own.
  static func decompress(_ frame: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
    guard frame.count >= minimumLength, Array(frame.prefix(4)) == magic else {
      throw Failure("no zstd frame starts here")
    }
    // Bit 2 of the frame header descriptor (RFC 8878, 3.1.1.1.1.5).
    guard frame[4] & 0b100 != 0 else {
      throw Failure("the zstd frame has no content checksum (zstd --check makes one)")
    }
    let length = frame.withUnsafeBytes { ZSTD_findFrameCompressedSize($0.baseAddress, $0.count) }
    if ZSTD_isError(length) != 0 { throw Failure("the zstd frame is torn or damaged", code: length) }
    guard length == frame.count else {
      throw Failure("the zstd frame ends after \(length) of the \(frame.count) bytes")
    }
    let size = try contentSize(of: frame, limit: limit)
    guard let context = ZstdContexts.decompression.take() else { throw Failure("out of memory") }
    defer { ZstdContexts.decompression.giveBack(context) }
    var code = 0
    let content = [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
      code = frame.withUnsafeBytes {
        ZSTD_decompressDCtx(context, buffer.baseAddress, size, $0.baseAddress, $0.count)
      }
      initialized = ZSTD_isError(code) != 0 ? 0 : code
    }
    if ZSTD_isError(code) != 0 { throw Failure("the zstd frame is damaged", code: code) }
    return content
  }

  private static func contentSize(of frame: [UInt8], limit: Int) throws(Failure) -> Int {
    let declared = frame.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
    // ZSTD_CONTENTSIZE_UNKNOWN and ZSTD_CONTENTSIZE_ERROR, which are macros that do not import.
    guard declared < UInt64.max - 1 else {
      throw Failure("the zstd frame does not declare its content size (zstd --stream-size sets it for a pipe)")
    }
    guard declared <= UInt64(limit) else {
      throw Failure("the zstd frame declares \(declared) bytes, more than the \(limit) allowed")
    }
    let blocks = frame.count / minimumBlockLength
    let (most, overflow) = blocks.multipliedReportingOverflow(by: maximumBlockContent)
    guard overflow || declared <= UInt64(most) else {
      throw Failure("the zstd frame declares \(declared) bytes, more than its \(frame.count) bytes can hold")
    }
    let plausible = smallContent + frame.count * mostExpansion
    guard declared <= UInt64(plausible) else {
      throw Failure(
        "the zstd frame declares \(declared) bytes, more than the \(plausible) that tensors in \(frame.count) bytes can be"
      )
    }
    return Int(declared)
  }
}
