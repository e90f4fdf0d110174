/// A stretch of UTF-8 as a row of scalar classes, in which the split rules look for the ends of pieces.
struct ClassifiedText {
  private let bytes: [UInt8]
  private var classes: [ScalarClass] = []
  /// Where each scalar begins in `bytes`, and where the last one ends.
  private var offsets: [Int] = []

  /// Number of scalars.
  var count: Int { classes.count }

  init(_ bytes: [UInt8], in range: Range<Int>) {
    self.bytes = bytes
    classes.reserveCapacity(range.count)
    offsets.reserveCapacity(range.count + 1)
    var index = range.lowerBound
    while index < range.upperBound {
      offsets.append(index)
      let (scalar, length) = Self.scalar(in: bytes, at: index)
      classes.append(ScalarClass(scalar))
      index += length
    }
    offsets.append(range.upperBound)
  }

  /// The scalar at `index` of valid UTF-8, and its length in bytes.
  private static func scalar(in bytes: [UInt8], at index: Int) -> (Unicode.Scalar, Int) {
    let lead = bytes[index]
    if lead < 0x80 { return (Unicode.Scalar(lead), 1) }
    let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    var value = UInt32(lead) & (0x7F >> UInt32(length))
    for byte in bytes[index + 1..<index + length] { value = value << 6 | UInt32(byte & 0x3F) }
    return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
  }

  subscript(position: Int) -> ScalarClass { classes[position] }

  func offset(of position: Int) -> Int { offsets[position] }

  /// The first position from `start` on that holds a number, or the end.
  func firstNumber(from start: Int) -> Int { end(from: start, limit: count) { $0 != .number } }

  private func end(from start: Int, limit: Int, while belongs: (ScalarClass) -> Bool) -> Int {
    var end = start
    while end < limit, belongs(classes[end]) { end += 1 }
    return end
  }

  // MARK: GPT-2

  /// The end of the match of `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
  func endOfGPT2Piece(from start: Int, limit: Int) -> Int {
    if let end = endOfContraction(from: start, limit: limit, anyCase: false) { return end }
    let body = classes[start] == .space ? start + 1 : start
    if body < limit, !classes[body].isWhitespace {
      let kind = classes[body]
      return end(from: body, limit: limit) { $0 == kind }
    }
    return endOfWhitespace(from: start, limit: limit)
  }

  // MARK: Llama 3

  /// The end of the match of Llama 3's expression, `SplitRule.llamaPattern`, with at most `maximumDigits` digits.
  func endOfLlamaPiece(from start: Int, maximumDigits: Int) -> Int {
    if let end = endOfContraction(from: start, limit: count, anyCase: true) { return end }
    let first = classes[start]
    if first == .letter { return end(from: start, limit: count) { $0 == .letter } }
    if first == .number { return end(from: start, limit: min(count, start + maximumDigits)) { $0 == .number } }
    if first != .lineBreak, start + 1 < count, classes[start + 1] == .letter {
      return end(from: start + 1, limit: count) { $0 == .letter }
    }
    let body = first == .space ? start + 1 : start
    if body < count, classes[body] == .other {
      let symbols = end(from: body, limit: count) { $0 == .other }
      return end(from: symbols, limit: count) { $0 == .lineBreak }
    }
    let run = end(from: start, limit: count) { $0.isWhitespace }
    if let last = classes[start..<run].lastIndex(of: .lineBreak) { return last + 1 }
    return endOfWhitespace(from: start, limit: count)
  }

  // MARK: Shared alternatives

  /// The end of `\s+(?!\S)|\s+`: the last of several white spaces is left to the word behind it.
  private func endOfWhitespace(from start: Int, limit: Int) -> Int {
    let run = end(from: start, limit: limit) { $0.isWhitespace }
    return run < limit && run - start > 1 ? run - 1 : run
  }

  /// The end of `'s|'t|'re|'ve|'m|'ll|'d` at `start`, if it stands there.
  private func endOfContraction(from start: Int, limit: Int, anyCase: Bool) -> Int? {
    guard bytes[offsets[start]] == UInt8(ascii: "'"), start + 1 < limit else { return nil }
    switch letter(at: start + 1, anyCase: anyCase) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return start + 2 < limit && letter(at: start + 2, anyCase: anyCase) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"):
      return start + 2 < limit && letter(at: start + 2, anyCase: anyCase) == UInt8(ascii: "l") ? start + 3 : nil
    default: return nil
    }
  }

  /// The ASCII letter at a position, folded to lower case where case does not count; 0 for anything else.
  private func letter(at position: Int, anyCase: Bool) -> UInt8 {
    guard classes[position] == .letter else { return 0 }
    let offset = offsets[position]
    let byte = bytes[offset]
    guard anyCase else { return byte < 0x80 ? byte : 0 }
    if byte < 0x80 { return byte | 0x20 }
    // U+017F, the long s, is the only other letter that folds to one of these.
    return byte == 0xC5 && bytes[offset + 1] == 0xBF ? UInt8(ascii: "s") : 0
  }
}
