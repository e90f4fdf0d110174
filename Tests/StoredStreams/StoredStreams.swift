/// Compressed streams written by hand, block by block as their formats have it and without compressing, so that tests
/// need no encoder.
public enum StoredStreams {
  /// A gzip member (RFC 1952) of stored blocks (RFC 1951, 3.2.4).
  public static func gzip(_ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
    var rest = content[...]
    repeat {
      let block = rest.prefix(0xFFFF)
      rest = rest.dropFirst(block.count)
      let length = UInt16(block.count)
      bytes.append(rest.isEmpty ? 1 : 0)
      bytes += littleEndian(UInt64(length), 2) + littleEndian(UInt64(~length), 2) + block
    } while !rest.isEmpty
    return bytes + littleEndian(UInt64(crc32(content)), 4) + littleEndian(UInt64(content.count), 4)
  }

  /// A gzip member of the same byte over and over: 13 bits for each 258 (RFC 1951, 3.2.6).
  /// - Parameter copies: how often the 258 bytes stand behind the first.
  public static func gzip(repeating byte: UInt8, copies: Int) -> [UInt8] {
    precondition(byte < 144, "longer codes are not written")
    var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
    var bits: UInt64 = 0
    var count: UInt64 = 0
    /// Codes begin with their highest bit, unlike everything else.
    func append(_ code: UInt64, _ length: UInt64) {
      for bit in (0..<length).reversed() {
        bits |= (code >> bit & 1) << count
        count += 1
      }
      while count >= 8 {
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
        count -= 8
      }
    }
    // The last block, with fixed codes; the byte; copies of length 258 from distance 1; the end.
    append(0b110, 3)
    append(UInt64(byte) + 0x30, 8)
    for _ in 0..<copies { append(0b1100_0101 << 5, 13) }
    append(0, 7)
    append(0, 7)
    let content = [UInt8](repeating: byte, count: copies * 258 + 1)
    return bytes + littleEndian(UInt64(crc32(content)), 4) + littleEndian(UInt64(content.count), 4)
  }

  private static let zstdMagic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
  private static let largestBlock = 1 << 17

  /// A zstd frame (RFC 8878) of raw blocks, without a checksum.
  public static func zstd(_ content: [UInt8]) -> [UInt8] {
    var bytes = zstdMagic + [0, windowDescriptor(log: 20)]
    var rest = content[...]
    repeat {
      let block = rest.prefix(largestBlock)
      rest = rest.dropFirst(block.count)
      bytes += littleEndian(UInt64(block.count << 3 | (rest.isEmpty ? 1 : 0)), 3) + block
    } while !rest.isEmpty
    return bytes
  }

  /// A zstd frame of `count` times the same byte, four bytes for each 128 KiB.
  public static func zstd(repeating byte: UInt8, count: Int, windowLog: Int = 20) -> [UInt8] {
    var bytes = zstdMagic + [0, windowDescriptor(log: windowLog)]
    var rest = count
    repeat {
      let length = min(rest, largestBlock)
      rest -= length
      bytes += littleEndian(UInt64(length << 3 | 1 << 1 | (rest == 0 ? 1 : 0)), 3) + [byte]
    } while rest > 0
    return bytes
  }

  /// A skippable frame (RFC 8878, 3.1.2), with which pzstd begins its files.
  public static let skippableFrame: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]

  private static func windowDescriptor(log: Int) -> UInt8 { UInt8(log - 10) << 3 }

  private static func littleEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  /// The checksum of gzip, bit by bit.
  private static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var sum: UInt32 = ~0
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
    return ~sum
  }
}
