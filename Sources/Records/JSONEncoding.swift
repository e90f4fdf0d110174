extension JSON {
  /// The value on one line, UTF-8, without spaces between tokens.
  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    encode(into: &bytes)
    return bytes
  }

  /// The value on one line as text.
  public var text: String { String(decoding: encoded, as: UTF8.self) }

  /// The value over many lines, two spaces a level, for files that people open.
  public var indentedText: String {
    var bytes: [UInt8] = []
    encode(into: &bytes, indentation: 0)
    bytes.append(0x0A)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the value to `bytes`; with `indentation` (a level, from 0) over many lines.
  func encode(into bytes: inout [UInt8], indentation: Int? = nil) {
    switch self {
    case .null: bytes.append(contentsOf: "null".utf8)
    case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
    case .number(let digits): bytes.append(contentsOf: digits.utf8)
    case .string(let value): Self.encode(value, into: &bytes)
    case .array(let elements):
      let flat = elements.allSatisfy { $0.array == nil && $0.members == nil }
      Self.encode(
        elements, between: ("[", "]"), indentation: flat ? nil : indentation, into: &bytes
      ) { element, level, bytes in
        element.encode(into: &bytes, indentation: level)
      }
    case .object(let members):
      Self.encode(members, between: ("{", "}"), indentation: indentation, into: &bytes) { member, level, bytes in
        Self.encode(member.key, into: &bytes)
        bytes.append(contentsOf: (level == nil ? ":" : ": ").utf8)
        member.value.encode(into: &bytes, indentation: level)
      }
    }
  }

  private static func encode<Element>(
    _ elements: [Element], between brackets: (String, String), indentation: Int?, into bytes: inout [UInt8],
    element write: (Element, Int?, inout [UInt8]) -> Void
  ) {
    bytes.append(contentsOf: brackets.0.utf8)
    let level = indentation.map { $0 + 1 }
    for (position, element) in elements.enumerated() {
      if position > 0 { bytes.append(UInt8(ascii: ",")) }
      if let level { bytes.append(contentsOf: ("\n" + String(repeating: "  ", count: level)).utf8) }
      write(element, level, &bytes)
    }
    if let indentation, !elements.isEmpty {
      bytes.append(contentsOf: ("\n" + String(repeating: "  ", count: indentation)).utf8)
    }
    bytes.append(contentsOf: brackets.1.utf8)
  }

  /// Appends `string` in quotes; only what JSON demands is escaped.
  static func encode(_ string: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
      case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
      case 0x0A: bytes.append(contentsOf: "\\n".utf8)
      case 0x0D: bytes.append(contentsOf: "\\r".utf8)
      case 0x09: bytes.append(contentsOf: "\\t".utf8)
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        bytes.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
