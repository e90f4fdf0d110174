/// When a predicted value counts as the expected one.
public enum Matching: String, Sendable, CaseIterable {
  /// Both are numbers and equal as decimals. An expected value that is no number is compared as a string.
  case number
  /// They are the same letters after what lm-evaluation-harness ignores for GSM8K: `,`, `$`, everything up to the last
  /// `#### `, a point at the end, and case.
  case string

  /// Whether `predicted` is the value `expected`.
  public func matches(_ predicted: String, _ expected: String) -> Bool {
    if self == .number, let expected = DecimalNumber(expected) {
      return DecimalNumber(predicted) == expected
    }
    return Self.normalised(predicted).utf8.elementsEqual(Self.normalised(expected).utf8)
  }

  private static func normalised(_ text: String) -> String {
    var bytes = text.utf8.filter { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "$") }
    if let end = endOfLastMarker(in: bytes) { bytes.removeFirst(end) }
    if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self).lowercased()
  }
}

/// The offset behind the last `#### `, or nil if there is none.
func endOfLastMarker(in bytes: [UInt8]) -> Int? {
  var start = bytes.count - Extraction.marker.count
  while start >= 0 {
    if bytes[start...].starts(with: Extraction.marker) { return start + Extraction.marker.count }
    start -= 1
  }
  return nil
}
