extension Tokenizer {
  /// The bytes that a token stands for; they need not be UTF-8 by themselves.
  ///
  /// Those of tokens in a row, end to end, are the text as it goes on from what stands before: a space at its front is
  /// kept, also where encoding a text from its start would put one (`addsPrefixSpace`).
  /// An id outside the vocabulary gives U+FFFD, so that it shows.
  public func bytes(of token: Int32) -> [UInt8] { Array(slice(of: token)) }

  private static let replacement: ArraySlice<UInt8> = [0xEF, 0xBF, 0xBD]

  private func slice(of token: Int32) -> ArraySlice<UInt8> {
    guard contains(token) else { return Self.replacement }
    return content[(token == 0 ? 0 : contentEnds[Int(token) - 1])..<contentEnds[Int(token)]]
  }

  /// The text that tokens stand for; bytes that are not UTF-8 become U+FFFD.
  ///
  /// Encoding the result at the same position puts back a space that was left out here.
  /// - Parameters:
  ///   - skipSpecial: leaves out the tokens that mark up a prompt.
  ///   - position: where the text stands. Within a text, the default, a space at the front is kept, as a response needs
  ///     it that goes on with its prompt; elsewhere one space is left out if encoding there puts one.
  public func decode(_ tokens: [Int32], skipSpecial: Bool, at position: TextPosition = .withinText) -> String {
    var bytes: [UInt8] = []
    for token in tokens where !(skipSpecial && isSpecial(token)) { bytes.append(contentsOf: slice(of: token)) }
    if bytes.first == 0x20, case .characters(let rules) = spelling, rules.stripsPrefix, addsPrefixSpace(at: position) {
      bytes.removeFirst()
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
