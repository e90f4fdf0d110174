/// Scalars in valid UTF-8.
enum UTF8Scalar {
  /// Bytes of the scalar with this first byte.
  @inline(__always) static func length(_ lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

  /// The number of the scalar of `length` bytes at `start`.
  @inline(__always) static func value(in bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ length: Int) -> UInt32 {
    guard length > 1 else { return UInt32(bytes[start]) }
    var value = UInt32(bytes[start]) & (0x7F >> UInt32(length))
    for byte in bytes[start + 1..<start + length] { value = value << 6 | UInt32(byte & 0x3F) }
    return value
  }
}
