#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One JSON object of a stream.
///
/// A record keeps the bytes of every field as they came and parses a value only when it is asked for, so fields that a
/// tool does not set leave it byte for byte. A line written with a space behind its colons is written so again.
public struct Record: Sendable {
  private struct Field: Sendable {
    var key: String
    /// The key as written, quotes included.
    var name: ArraySlice<UInt8>
    /// The value as written.
    var value: ArraySlice<UInt8>
  }

  /// More fields than anybody's records have; each takes many times the bytes of a short line.
  private static let mostFields = 1 << 16

  private var fields: [Field] = []
  private var isSpaced = false

  /// A record without fields.
  public init() {}

  /// Checks the syntax of one line and takes its fields; values stay bytes.
  /// - Throws: `JSONError` if the line is not JSON, not an object, or has more than 65536 fields.
  public init(parsing line: [UInt8]) throws(JSONError) {
    var scanner = JSONScanner(line)
    scanner.skipWhitespace()
    var nameStart = scanner.index
    var fields: [Field] = []
    var isSpaced = false
    let isFolded = line.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return false }
      return memchr(start, 0x0A, bytes.count) != nil || memchr(start, 0x0D, bytes.count) != nil
    }
    try scanner.object { (scanner, key) throws(JSONError) in
      let colon = scanner.index - 1
      while line[nameStart] != UInt8(ascii: "\"") { nameStart += 1 }
      var nameEnd = colon
      while line[nameEnd - 1] != UInt8(ascii: "\"") { nameEnd -= 1 }
      guard fields.count < Self.mostFields else {
        throw JSONError("more than \(Self.mostFields) fields", offset: nameStart)
      }
      if fields.isEmpty { isSpaced = colon + 1 < line.count && line[colon + 1] == UInt8(ascii: " ") }
      scanner.skipWhitespace()
      let start = scanner.index
      try scanner.skipValue()
      let value = line[start..<scanner.index]
      fields.append(
        Field(key: key, name: line[nameStart..<nameEnd], value: isFolded ? Self.unfolded(value) : value))
      nameStart = scanner.index
    }
    scanner.skipWhitespace()
    guard scanner.isAtEnd else { throw scanner.failure("the end") }
    self.fields = fields
    self.isSpaced = isSpaced
  }

  /// The keys, in their order.
  public var keys: [String] { fields.map(\.key) }

  /// The value under `key`, parsed, or nil if there is no such field, or one of more values than are built of a text of
  /// its length. Setting nil removes the field.
  public subscript(key: String) -> JSON? {
    // The bytes were checked when they came in, so parsing them fails for no other reason.
    get { raw(key).flatMap { try? JSON(parsing: Array($0)) } }
    set {
      if let newValue { set(key, to: newValue) } else { remove(key) }
    }
  }

  /// Puts `value` in the place of the old one, or behind the last field if there is none.
  public mutating func set(_ key: String, to value: JSON) {
    set(key, toRaw: value.encoded)
  }

  /// Removes the field, if there is one.
  public mutating func remove(_ key: String) {
    fields.removeAll { ObjectKeys.isSame($0.key, key) }
  }

  /// The record on one line, without a line feed at its end.
  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(fields.reduce(2) { $0 + $1.name.count + $1.value.count + 4 })
    bytes.append(UInt8(ascii: "{"))
    for (position, field) in fields.enumerated() {
      if position > 0 {
        bytes.append(UInt8(ascii: ","))
        if isSpaced { bytes.append(UInt8(ascii: " ")) }
      }
      bytes.append(contentsOf: field.name)
      bytes.append(UInt8(ascii: ":"))
      if isSpaced { bytes.append(UInt8(ascii: " ")) }
      bytes.append(contentsOf: field.value)
    }
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }

  /// Whether a field's value has the same bytes in another record.
  public func hasSameValue(of key: String, as other: Record) -> Bool { raw(key) == other.raw(key) }

  // MARK: Bytes of values

  /// The bytes of the value under `key`, as they came.
  func raw(_ key: String) -> ArraySlice<UInt8>? {
    fields.first { ObjectKeys.isSame($0.key, key) }?.value
  }

  /// Sets the bytes of a value; they must be JSON on one line.
  mutating func set(_ key: String, toRaw value: [UInt8]) {
    if let index = fields.firstIndex(where: { ObjectKeys.isSame($0.key, key) }) {
      fields[index].value = value[...]
    } else {
      var name: [UInt8] = []
      JSON.encode(key, into: &name)
      fields.append(Field(key: key, name: name[...], value: value[...]))
    }
  }

  /// The value without line breaks and the indentation around them. Strings cannot hold a bare line break, so only
  /// the layout changes, and only of values that were spread over lines in a JSON array file.
  private static func unfolded(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard value.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return value }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(value.count)
    var isAfterBreak = false
    for byte in value {
      switch byte {
      case 0x0A, 0x0D:
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        isAfterBreak = true
      case 0x20, 0x09:
        if !isAfterBreak { bytes.append(byte) }
      default:
        isAfterBreak = false
        bytes.append(byte)
      }
    }
    return bytes[...]
  }
}
