/// How a final value is found in a text.
public enum Extraction: String, Sendable, CaseIterable {
  /// The value behind the first `#### `: lm-evaluation-harness' `strict-match`, `#### (\-?[0-9\.\,]+)`.
  case gsm8k
  /// The last thing that looks like a number: its `flexible-extract`, `(-?[$0-9.,]{2,})|(-?[0-9]+)`.
  case flexible
  /// The last number, written as people write numbers: sign, commas between thousands, decimals.
  case lastNumber = "last-number"

  /// The value in `text`, as it is written there, or nil if there is none.
  public func value(in text: String) -> String? {
    let bytes = Array(text.utf8)
    return switch self {
    case .gsm8k: Self.strictMatch(bytes)
    case .flexible: Self.flexibleMatch(bytes)
    case .lastNumber: Self.lastNumber(bytes)
    }
  }

  /// The marker that GSM8K puts before a final value.
  static let marker = Array("#### ".utf8)

  // MARK: As lm-evaluation-harness

  private static func strictMatch(_ bytes: [UInt8]) -> String? {
    var index = 0
    while index + marker.count < bytes.count {
      defer { index += 1 }
      guard bytes[index...].starts(with: marker) else { continue }
      let start = index + marker.count
      let digits = bytes[start] == UInt8(ascii: "-") ? start + 1 : start
      let end = bytes[digits...].firstIndex { !isNumeric($0) } ?? bytes.count
      if end > digits { return text(bytes[start..<end]) }
    }
    return nil
  }

  private static func flexibleMatch(_ bytes: [UInt8]) -> String? {
    var last: Range<Int>?
    var index = 0
    while index < bytes.count {
      let start = bytes[index] == UInt8(ascii: "-") ? index + 1 : index
      var end = bytes[start...].firstIndex { !isNumeric($0) && $0 != UInt8(ascii: "$") } ?? bytes.count
      // One character is enough only for the second alternative, a digit.
      if end - start == 1, !isDigit(bytes[start]) { end = start }
      if end > start {
        last = index..<end
        index = end
      } else {
        index += 1
      }
    }
    return last.map { text(bytes[$0]) }
  }

  // MARK: As people write

  private static func lastNumber(_ bytes: [UInt8]) -> String? {
    var last: String?
    var index = 0
    while index < bytes.count {
      guard let end = endOfNumber(in: bytes, from: index) else {
        index += 1
        continue
      }
      last = sign(in: bytes, before: index) + text(bytes[index..<end])
      index = end
    }
    return last
  }

  /// The end of a number that begins at `start`: digits, groups of a comma and three digits, a point and digits.
  private static func endOfNumber(in bytes: [UInt8], from start: Int) -> Int? {
    func endOfDigits(from index: Int) -> Int { bytes[index...].firstIndex { !isDigit($0) } ?? bytes.count }
    var end = endOfDigits(from: start)
    if end == start {
      // ".5", but not the second point of "1.2.5".
      let isAfterNumber = start > 0 && (isDigit(bytes[start - 1]) || bytes[start - 1] == UInt8(ascii: "."))
      guard bytes[start] == UInt8(ascii: "."), !isAfterNumber else { return nil }
    } else if end - start <= 3 {
      while end < bytes.count, bytes[end] == UInt8(ascii: ","), endOfDigits(from: end + 1) == end + 4 { end += 4 }
    }
    if end < bytes.count, bytes[end] == UInt8(ascii: ".") {
      let fraction = endOfDigits(from: end + 1)
      if fraction > end + 1 { end = fraction }
    }
    return end > start ? end : nil
  }

  /// "-" if a minus stands before the number, perhaps with a dollar sign between, and is no operator: "5-3" ends in 3.
  private static func sign(in bytes: [UInt8], before start: Int) -> String {
    var index = start
    if index > 0, bytes[index - 1] == UInt8(ascii: "$") { index -= 1 }
    if index > 0, bytes[index - 1] == UInt8(ascii: "-") {
      index -= 1
    } else if index >= 3, Array(bytes[index - 3..<index]) == Array("\u{2212}".utf8) {
      index -= 3
    } else {
      return ""
    }
    guard index > 0 else { return "-" }
    let before = bytes[index - 1]
    let isOperand =
      isDigit(before) || UInt8(ascii: "a")...UInt8(ascii: "z") ~= before | 0x20
      || [UInt8(ascii: ")"), UInt8(ascii: "%"), UInt8(ascii: "-")].contains(before)
    return isOperand ? "" : "-"
  }

  // MARK: Bytes

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private static func isNumeric(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ",")
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
