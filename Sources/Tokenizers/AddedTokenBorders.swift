/// What stands beside an added token: the flags `single_word`, `lstrip` and `rstrip` look at it.
enum AddedTokenBorders {
  /// Whether neither neighbour of `range` is part of a word: `\w`, that is a letter, mark, decimal digit, connector
  /// punctuation or joiner.
  static func standsAlone(_ range: Range<Int>, in bytes: [UInt8]) -> Bool {
    let before = scalar(before: range.lowerBound, in: bytes)
    let behind = scalar(at: range.upperBound, in: bytes)
    return before.map { isWord($0.scalar) } != true && behind.map { isWord($0.scalar) } != true
  }

  /// Where the white space before `end` begins, but not before `limit`.
  static func whitespaceStart(before end: Int, limit: Int, in bytes: [UInt8]) -> Int {
    var start = end
    while let found = scalar(before: start, in: bytes), found.scalar.properties.isWhitespace { start -= found.length }
    return max(start, limit)
  }

  /// Where the white space from `start` on ends.
  static func whitespaceEnd(from start: Int, in bytes: [UInt8]) -> Int {
    var end = start
    while let found = scalar(at: end, in: bytes), found.scalar.properties.isWhitespace { end += found.length }
    return end
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    if properties.isAlphabetic || properties.isJoinControl { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }

  private static func scalar(before end: Int, in bytes: [UInt8]) -> (scalar: Unicode.Scalar, length: Int)? {
    guard end > 0 else { return nil }
    var start = end - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return scalar(at: start, in: bytes)
  }

  private static func scalar(at start: Int, in bytes: [UInt8]) -> (scalar: Unicode.Scalar, length: Int)? {
    guard start < bytes.count else { return nil }
    let length = min(UTF8Scalar.length(bytes[start]), bytes.count - start)
    let value = bytes.withUnsafeBufferPointer { UTF8Scalar.value(in: $0, start, length) }
    return Unicode.Scalar(value).map { ($0, length) }
  }
}
