/// A stretch of UTF-8 with the class of each scalar, in which the split rules look for the ends of pieces.
///
/// Positions are bytes from the start of the stretch. All bytes of a scalar carry its class, so that a run of one class
/// is a run of bytes; only steps by a single scalar have to look at the text.
struct ClassifiedText {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let classes: UnsafeBufferPointer<ScalarClass>

  /// Number of bytes.
  var count: Int { bytes.count }

  /// The text and its classes, as `classify` finds them.
  init(_ bytes: UnsafeBufferPointer<UInt8>, classes: UnsafeBufferPointer<ScalarClass>) {
    self.bytes = bytes
    self.classes = UnsafeBufferPointer(rebasing: classes[0..<bytes.count])
  }

  /// Puts the class of each byte of valid UTF-8 into the first elements of `classes`, which grows to hold them.
  static func classify(_ bytes: UnsafeBufferPointer<UInt8>, into classes: inout [ScalarClass]) {
    if classes.count < bytes.count {
      classes += Array(repeating: .other, count: bytes.count - classes.count)
    }
    ScalarClass.ascii.withUnsafeBufferPointer { ascii in
      classes.withUnsafeMutableBufferPointer { classes in
        var index = 0
        while index < bytes.count {
          let lead = bytes[index]
          if lead < 0x80 {
            classes[index] = ascii[Int(lead)]
            index += 1
            continue
          }
          let length = min(UTF8Scalar.length(lead), bytes.count - index)
          let kind = ScalarClass(Unicode.Scalar(UTF8Scalar.value(in: bytes, index, length)) ?? "\u{FFFD}")
          for offset in 0..<length { classes[index + offset] = kind }
          index += length
        }
      }
    }
  }

  subscript(position: Int) -> ScalarClass { classes[position] }

  /// Where the scalar behind the one at `position` begins.
  func position(after position: Int) -> Int { min(count, position + UTF8Scalar.length(bytes[position])) }

  /// The scalar at `position`.
  func scalar(at position: Int) -> Unicode.Scalar {
    let length = min(UTF8Scalar.length(bytes[position]), count - position)
    return Unicode.Scalar(UTF8Scalar.value(in: bytes, position, length)) ?? "\u{FFFD}"
  }

  /// Where the scalar that ends at `position` begins.
  private func position(before position: Int) -> Int {
    var start = position - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  /// The first position from `start` on that holds a number, or the end.
  func firstNumber(from start: Int) -> Int { end(from: start, limit: count) { $0 != .number } }

  @inline(__always) func end(from start: Int, limit: Int, while belongs: (ScalarClass) -> Bool) -> Int {
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
    if first == .number {
      var end = start
      for _ in 0..<maximumDigits where end < count && classes[end] == .number { end = position(after: end) }
      return end
    }
    if first != .lineBreak, case let next = position(after: start), next < count, classes[next] == .letter {
      return end(from: next, limit: count) { $0 == .letter }
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
    guard run < limit else { return run }
    let last = position(before: run)
    return last > start ? last : run
  }

  /// The end of `'s|'t|'re|'ve|'m|'ll|'d` at `start`, if it stands there.
  private func endOfContraction(from start: Int, limit: Int, anyCase: Bool) -> Int? {
    guard bytes[start] == UInt8(ascii: "'"), start + 1 < limit else { return nil }
    switch letter(at: start + 1, anyCase: anyCase) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return position(after: start + 1)
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
    let byte = bytes[position]
    guard anyCase else { return byte < 0x80 ? byte : 0 }
    if byte < 0x80 { return byte | 0x20 }
    // U+017F, the long s, is the only other letter that folds to one of these.
    return byte == 0xC5 && bytes[position + 1] == 0xBF ? UInt8(ascii: "s") : 0
  }
}
