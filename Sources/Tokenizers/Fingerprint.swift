/// FNV-1a, 64 bits: tells files apart that should be the same. No protection against forgery.
struct Fingerprint {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// Four bytes, the lowest first.
  mutating func add(_ number: Int32) {
    let bits = UInt32(bitPattern: number)
    for shift in stride(from: UInt32(0), to: 32, by: 8) { add(UInt8(truncatingIfNeeded: bits >> shift)) }
  }

  /// The length and then the bytes, so that neighbours cannot flow into each other.
  mutating func add(_ bytes: some Collection<UInt8>) {
    add(Int32(truncatingIfNeeded: bytes.count))
    for byte in bytes { add(byte) }
  }

  /// The value as 16 hexadecimal digits.
  var hexadecimal: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
