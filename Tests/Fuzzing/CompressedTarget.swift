import CZlib
import CZstd

extension FuzzTarget {
  /// Records that gzip or zstd compressed.
  static let compressed = FuzzTarget(
    name: "compressed",
    seeds: {
      let line = Array((#"{"question":"q"}"# + "\n").utf8)
      let long = Array(#"{"question":""#.utf8) + Array(repeating: 0x61, count: 300_000) + Array("\"}\n".utf8)
      let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3]
      return [
        gzip(line), gzip(line) + gzip(line), zstd(line), zstd(line) + zstd(line), skippable + zstd(line), gzip(long),
        zstd(long), gzip([]), zstd([]),
      ]
    },
    read: { input in try readRecords(input) })

  private static func gzip(_ content: [UInt8]) -> [UInt8] {
    var content = content
    var stream = z_stream()
    var target = [UInt8](repeating: 0, count: content.count + 64)
    // 16 for the gzip wrapper.
    deflateInit2_(
      &stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    return content.withUnsafeMutableBufferPointer { input in
      target.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        deflate(&stream, Z_FINISH)
        deflateEnd(&stream)
        return Array(output[..<Int(stream.total_out)])
      }
    }
  }

  static func zstd(_ content: [UInt8]) -> [UInt8] {
    var target = [UInt8](repeating: 0, count: ZSTD_compressBound(content.count))
    let context = ZSTD_createCCtx()
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    let count = ZSTD_compress2(context, &target, target.count, content, content.count)
    return Array(target[..<count])
  }
}
