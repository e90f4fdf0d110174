/// Passes over well-formed JSON values at speed, without building anything.
///
/// It says only where a value ends. Whatever it cannot vouch for (a fault, a crowded object, deep nesting) it leaves to
/// `JSONScanner`, which is slower and finds the words for what is wrong.
struct JSONSkimmer {
  /// Objects with more keys are left to the scanner, which looks for duplicates in a set.
  private static let mostKeys = 16

  private let bytes: UnsafeBufferPointer<UInt8>

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// The end of the value behind any white space at `start`; nil if it must be looked at closely.
  /// - Parameter levels: how deep arrays and objects may be nested.
  func end(from start: Int, levels: Int) -> Int? {
    let start = skippingWhitespace(from: start)
    guard start < bytes.count else { return nil }
    switch bytes[start] {
    case UInt8(ascii: "\""): return endOfString(at: start)?.end
    case UInt8(ascii: "["): return levels > 0 ? endOfArray(at: start, levels: levels - 1) : nil
    case UInt8(ascii: "{"): return levels > 0 ? endOfObject(at: start, levels: levels - 1) : nil
    case UInt8(ascii: "t"): return endOfLiteral("true", at: start)
    case UInt8(ascii: "f"): return endOfLiteral("false", at: start)
    case UInt8(ascii: "n"): return endOfLiteral("null", at: start)
    default: return endOfNumber(at: start)
    }
  }

  private func skippingWhitespace(from start: Int) -> Int {
    var index = start
    while index < bytes.count, bytes[index] == 0x20 || (0x09...0x0D).contains(bytes[index]) {
      // Vertical tab and form feed lie between the others, but are none of JSON's.
      if bytes[index] == 0x0B || bytes[index] == 0x0C { break }
      index += 1
    }
    return index
  }

  private func endOfLiteral(_ word: StaticString, at start: Int) -> Int? {
    let end = start + word.utf8CodeUnitCount
    guard end <= bytes.count else { return nil }
    for offset in 0..<word.utf8CodeUnitCount where bytes[start + offset] != word.utf8Start[offset] { return nil }
    return end
  }

  private func skippingDigits(from start: Int) -> Int {
    var index = start
    while index < bytes.count, bytes[index] &- 0x30 < 10 { index += 1 }
    return index
  }

  private func endOfNumber(at start: Int) -> Int? {
    var index = start
    if bytes[index] == UInt8(ascii: "-") { index += 1 }
    let whole = index
    index = skippingDigits(from: whole)
    guard index > whole, index == whole + 1 || bytes[whole] != 0x30 else { return nil }
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      let fraction = index + 1
      index = skippingDigits(from: fraction)
      guard index > fraction else { return nil }
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      var exponent = index + 1
      if exponent < bytes.count, bytes[exponent] == UInt8(ascii: "+") || bytes[exponent] == UInt8(ascii: "-") {
        exponent += 1
      }
      index = skippingDigits(from: exponent)
      guard index > exponent else { return nil }
    }
    return index
  }

  /// The end of a string behind its quote, and whether it is written without escapes.
  private func endOfString(at start: Int) -> (end: Int, isPlain: Bool)? {
    var index = start + 1
    var isPlain = true
    var seen: UInt8 = 0
    while index < bytes.count {
      let byte = bytes[index]
      seen |= byte
      index += 1
      if byte == UInt8(ascii: "\"") {
        if seen >= 0x80 {
          let content = UnsafeBufferPointer(rebasing: bytes[start + 1..<index - 1])
          guard String(validating: content, as: UTF8.self) != nil else { return nil }
        }
        return (index, isPlain)
      }
      if byte < 0x20 { return nil }
      if byte == UInt8(ascii: "\\") {
        isPlain = false
        guard let end = endOfEscape(from: index) else { return nil }
        index = end
      }
    }
    return nil
  }

  /// The end of an escape, from the byte behind the backslash; surrogates are left to the scanner.
  private func endOfEscape(from start: Int) -> Int? {
    guard start < bytes.count else { return nil }
    switch bytes[start] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return start + 1
    case UInt8(ascii: "u"):
      guard start + 4 < bytes.count else { return nil }
      for index in start + 1...start + 4 {
        let byte = bytes[index]
        guard byte &- 0x30 < 10 || (byte | 0x20) &- UInt8(ascii: "a") < 6 else { return nil }
      }
      let isSurrogate = bytes[start + 1] | 0x20 == UInt8(ascii: "d") && (bytes[start + 2] > UInt8(ascii: "7"))
      return isSurrogate ? nil : start + 5
    default: return nil
    }
  }

  private func endOfArray(at start: Int, levels: Int) -> Int? {
    var index = skippingWhitespace(from: start + 1)
    guard index < bytes.count else { return nil }
    if bytes[index] == UInt8(ascii: "]") { return index + 1 }
    while true {
      guard let end = end(from: index, levels: levels) else { return nil }
      index = skippingWhitespace(from: end)
      guard index < bytes.count else { return nil }
      if bytes[index] == UInt8(ascii: "]") { return index + 1 }
      guard bytes[index] == UInt8(ascii: ",") else { return nil }
      index += 1
    }
  }

  private func endOfObject(at start: Int, levels: Int) -> Int? {
    var index = skippingWhitespace(from: start + 1)
    guard index < bytes.count else { return nil }
    if bytes[index] == UInt8(ascii: "}") { return index + 1 }
    var keys: [Range<Int>] = []
    while true {
      index = skippingWhitespace(from: index)
      guard index < bytes.count, bytes[index] == UInt8(ascii: "\""), let key = endOfString(at: index), key.isPlain,
        keys.count < Self.mostKeys
      else { return nil }
      let range = index..<key.end
      for other in keys where bytes[other].elementsEqual(bytes[range]) { return nil }
      keys.append(range)
      index = skippingWhitespace(from: key.end)
      guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { return nil }
      guard let end = end(from: index + 1, levels: levels) else { return nil }
      index = skippingWhitespace(from: end)
      guard index < bytes.count else { return nil }
      if bytes[index] == UInt8(ascii: "}") { return index + 1 }
      guard bytes[index] == UInt8(ascii: ",") else { return nil }
      index += 1
    }
  }
}
