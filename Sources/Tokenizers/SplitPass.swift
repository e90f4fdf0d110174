/// One of several regular expressions that cut a text in turn: each isolates its matches in the pieces that the one
/// before has left.
enum SplitPass {
  /// GPT-2's whole rule.
  case gpt2
  /// A run of punctuation and ASCII symbols, ``[\p{P}\$\+<=>\^~\|`]+``.
  case symbols
  /// `[0-9][0-9][0-9]`.
  case threeDigits
  /// `\p{N}`.
  case digit
  /// `[\r\n]`.
  case lineBreak
  /// `\s?\p{L}+`.
  case letters
  /// `\s?[A-Za-zµ…]+`: letters with case, as DeepSeek LLM lists them.
  case casedLetters
  /// `\s?\p{P}+`.
  case punctuation
  /// `\s?[!-/:-~！-／：-～‘-‟　-。]+`.
  case listedPunctuation
  /// `\s+$`.
  case trailingWhitespace
  /// `[一-龥ࠀ-一가-퟿]+`.
  case eastAsian

  /// The passes of a rule that has several.
  static func passes(of rule: SplitRule) -> [SplitPass]? {
    switch rule {
    case .gpt2, .smolLM, .llama3, .qwen2: nil
    case .falcon: [.symbols, .gpt2, .threeDigits]
    case .deepSeekLLM: [.lineBreak, .casedLetters, .listedPunctuation, .trailingWhitespace, .eastAsian, .digit]
    case .deepSeekCoder: [.lineBreak, .letters, .punctuation, .eastAsian, .digit]
    }
  }
}

extension ClassifiedText {
  /// The ends of the pieces, cut by passes in turn.
  func ends(ofPiecesBy passes: [SplitPass]) -> [Int] {
    var ends = [count]
    for pass in passes {
      var finer: [Int] = []
      var start = 0
      for end in ends {
        cut(start..<end, by: pass, into: &finer)
        start = end
      }
      ends = finer
    }
    return ends
  }

  /// Appends the ends of the pieces that a pass cuts one piece into.
  private func cut(_ piece: Range<Int>, by pass: SplitPass, into ends: inout [Int]) {
    var pieceStart = piece.lowerBound
    var start = piece.lowerBound
    while start < piece.upperBound {
      guard let end = end(of: pass, from: start, in: pieceStart..<piece.upperBound) else {
        start = position(after: start)
        continue
      }
      if pieceStart < start { ends.append(start) }
      ends.append(end)
      start = end
      pieceStart = end
    }
    if pieceStart < piece.upperBound { ends.append(piece.upperBound) }
  }

  /// The end of the match that begins at `start`, or nil; nothing between the range's beginning and `start` matched.
  private func end(of pass: SplitPass, from start: Int, in range: Range<Int>) -> Int? {
    let limit = range.upperBound
    switch pass {
    case .gpt2: return endOfGPT2Piece(from: start, limit: limit)
    case .symbols: return endOfRun(from: start, limit: limit, Self.isSymbol)
    case .threeDigits:
      guard start + 3 <= limit else { return nil }
      return (start..<start + 3).allSatisfy { ("0"..."9").contains(scalar(at: $0)) } ? start + 3 : nil
    case .digit: return self[start] == .number ? position(after: start) : nil
    case .lineBreak: return self[start] == .lineBreak ? start + 1 : nil
    case .letters: return endOfWord(from: start, limit: limit) { self[$0] == .letter }
    case .casedLetters:
      return endOfWord(from: start, limit: limit) { self[$0] == .letter && CasedLetters.contains(scalar(at: $0)) }
    case .punctuation: return endOfWord(from: start, limit: limit) { Self.isPunctuation(scalar(at: $0)) }
    case .listedPunctuation: return endOfWord(from: start, limit: limit) { Self.isListedPunctuation(scalar(at: $0)) }
    case .trailingWhitespace:
      // A run of white space is looked at once, from its start.
      guard self[start].isWhitespace, start == range.lowerBound || !self[start - 1].isWhitespace else { return nil }
      return end(from: start, limit: limit, while: \.isWhitespace) == limit ? limit : nil
    case .eastAsian: return endOfRun(from: start, limit: limit, Self.isEastAsian)
    }
  }

  private func endOfRun(from start: Int, limit: Int, _ belongs: (Unicode.Scalar) -> Bool) -> Int? {
    var end = start
    while end < limit, belongs(scalar(at: end)) { end = position(after: end) }
    return end > start ? end : nil
  }

  /// The end of `\s?X+`, where `X` is what `belongs` says of the scalar at a position.
  private func endOfWord(from start: Int, limit: Int, _ belongs: (Int) -> Bool) -> Int? {
    func run(from start: Int) -> Int? {
      var end = start
      while end < limit, belongs(end) { end = position(after: end) }
      return end > start ? end : nil
    }
    if self[start].isWhitespace, case let next = position(after: start), next < limit, let end = run(from: next) {
      return end
    }
    return run(from: start)
  }

  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x80 { return asciiPunctuation[Int(scalar.value)] }
    return hasPunctuationCategory(scalar)
  }

  private static let asciiPunctuation = (UInt8(0)..<0x80).map { hasPunctuationCategory(Unicode.Scalar($0)) }

  private static func hasPunctuationCategory(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      true
    default: false
    }
  }

  private static func isSymbol(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "$", "+", "<", "=", ">", "^", "~", "|", "`": true
    default: isPunctuation(scalar)
    }
  }

  private static func isListedPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "!"..."/", ":"..."~", "\u{FF01}"..."\u{FF0F}", "\u{FF1A}"..."\u{FF5E}", "\u{2018}"..."\u{201F}",
      "\u{3000}"..."\u{3002}":
      true
    default: false
    }
  }

  private static func isEastAsian(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FA5, 0x800...0x4E00, 0xAC00...0xD7FF: true
    default: false
    }
  }
}
