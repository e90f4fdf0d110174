/// What encoding with a SentencePiece vocabulary looks up beside its tokens.
struct CharacterTables: Sendable {
  let rules: SentencePieceRules
  /// The urgency of making each token out of two others, the lowest first; nil where merges are listed.
  let ranks: [UInt32]?
  /// Whether merging can be done word by word.
  let cutsWords: Bool
  /// Scalars that stand before U+2581 within a token: no word is cut off behind them.
  let joined: Set<UInt32>

  init?(_ vocabulary: Vocabulary, _ table: TokenTable) {
    guard case .characters(let rules) = vocabulary.spelling else { return nil }
    self.rules = rules
    ranks = rules.scores.map { scores in
      scores.indices.map { id in
        switch vocabulary.kinds[id] {
        case .normal, .unused: Self.rank(scores[id])
        // SentencePiece makes none of these out of text.
        case .control, .unknown, .userDefined, .byte: MergeTable.none
        }
      }
    }
    // Words are cut where no token spans the cut. But neighbours are merged over characters that are left out, the
    // mark itself may become one unknown token with others, and a piece that is a token as a whole must be seen whole.
    let isNothingLeftOut =
      rules.scores != nil || vocabulary.unknownToken != nil
      || rules.fallsBackToBytes && !vocabulary.byteTokens(table).contains(-1)
    cutsWords =
      rules.splitsWords || isNothingLeftOut && !vocabulary.ignoreMerges && table.id(of: SpaceMark.bytes) != nil
    joined = rules.splitsWords ? [] : Self.scalarsBeforeMarks(vocabulary)
  }

  /// A number that is lower, the higher the score.
  private static func rank(_ score: Float) -> UInt32 {
    let bits = (score + 0).bitPattern
    return bits >> 31 == 1 ? bits : ~(bits | 0x8000_0000)
  }

  private static func scalarsBeforeMarks(_ vocabulary: Vocabulary) -> Set<UInt32> {
    let mark = SpaceMark.text.unicodeScalars.first
    var found: Set<UInt32> = []
    for text in vocabulary.tokens where text.utf8.dropFirst().contains(SpaceMark.bytes[0]) {
      var previous: Unicode.Scalar?
      for scalar in text.unicodeScalars {
        if scalar == mark, let previous { found.insert(previous.value) }
        previous = scalar
      }
    }
    return found
  }

  /// Calls `body` with start and end of each piece of a stretch of UTF-8 whose spaces are marked.
  ///
  /// No token holds the last scalar of one piece and the first of the next, so that pieces can be merged apart.
  @inline(__always)
  func forEachPiece(of bytes: UnsafeBufferPointer<UInt8>, _ body: (Int, Int) -> Void) {
    var start = 0
    if cutsWords {
      var index = 1
      while index + 2 < bytes.count {
        guard bytes[index] == SpaceMark.bytes[0], bytes[index + 1] == SpaceMark.bytes[1],
          bytes[index + 2] == SpaceMark.bytes[2]
        else {
          index += 1
          continue
        }
        if joined.isEmpty || !joined.contains(scalar(before: index, in: bytes)) {
          body(start, index)
          start = index
        }
        index += 3
      }
    }
    if start < bytes.count { body(start, bytes.count) }
  }

  private func scalar(before end: Int, in bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    var start = end - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return UTF8Scalar.value(in: bytes, start, end - start)
  }
}
