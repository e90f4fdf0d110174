/// FNV-1a, 64 bits: tells things apart that should be the same. No protection against forgery.
public struct Fingerprint: Sendable {
  @usableFromInline var value: UInt64 = 0xCBF2_9CE4_8422_2325

  /// A fingerprint of nothing yet.
  @inlinable public init() {}

  /// One byte.
  @inlinable public mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// Four bytes, the lowest first.
  @inlinable public mutating func add(_ number: Int32) {
    let bits = UInt32(bitPattern: number)
    for shift in stride(from: UInt32(0), to: 32, by: 8) { add(UInt8(truncatingIfNeeded: bits >> shift)) }
  }

  /// The length and then the bytes, so that neighbours cannot flow into each other.
  @inlinable public mutating func add(_ bytes: some Collection<UInt8>) {
    add(Int32(truncatingIfNeeded: bytes.count))
    for byte in bytes { add(byte) }
  }

  /// The UTF-8 bytes of a text, with their number.
  @inlinable public mutating func add(_ text: String) { add(text.utf8) }

  /// The value as a number.
  @inlinable public var number: UInt64 { value }

  /// The value as 16 hexadecimal digits.
  public var hexadecimal: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
