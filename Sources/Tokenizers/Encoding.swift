extension Tokenizer {
  /// The tokens of a text.
  ///
  /// Control tokens such as `<|im_end|>` are recognised only if `parseSpecial` is true: with a user's text it is false,
  /// and they are then spelt out like any other text. User-defined tokens are recognised always, as the model saw them.
  /// - Parameters:
  ///   - addSpecialTokens: puts the tokens around the text that the model begins and ends a text with.
  ///   - position: where the text stands. A response that is tokenised apart from its prompt gets the tokens that it
  ///     has in the whole with `position(after:)` of the prompt's tokens, as far as no token spans the border.
  public func encode(
    _ text: String, addSpecialTokens: Bool = false, parseSpecial: Bool, at position: TextPosition = .start
  ) -> [Int32] {
    let bytes = Array(text.utf8)
    var tokens = addSpecialTokens ? prefix : []
    encode(bytes, markup: parseSpecial ? [0..<bytes.count] : [], at: position, into: &tokens)
    if addSpecialTokens { tokens += suffix }
    return tokens
  }

  /// The tokens of a rendered prompt.
  ///
  /// The pieces are encoded as one text, since words may run across their borders,
  /// but control tokens are recognised in markup only.
  public func encode(_ pieces: [TemplatePiece]) -> [Int32] {
    var bytes: [UInt8] = []
    var markup: [Range<Int>] = []
    for piece in pieces {
      let start = bytes.count
      switch piece {
      case .text(let text): bytes.append(contentsOf: text.utf8)
      case .markup(let text):
        bytes.append(contentsOf: text.utf8)
        if let last = markup.last, last.upperBound == start {
          markup[markup.count - 1] = last.lowerBound..<bytes.count
        } else if bytes.count > start {
          markup.append(start..<bytes.count)
        }
      }
    }
    var tokens: [Int32] = []
    encode(bytes, markup: markup, at: .start, into: &tokens)
    return tokens
  }

  private func encode(_ bytes: [UInt8], markup: [Range<Int>], at position: TextPosition, into tokens: inout [Int32]) {
    workspace.withLock { workspace in encode(bytes, markup: markup, at: position, with: &workspace, into: &tokens) }
  }

  private func encode(
    _ bytes: [UInt8], markup: [Range<Int>], at position: TextPosition, with room: inout EncodingWorkspace.Room,
    into tokens: inout [Int32]
  ) {
    split(bytes, at: addedTokens, markup: markup, into: &tokens) { stretch, tokens in
      let position = stretch.lowerBound == 0 ? position : .behindAddedToken
      if normalization == .none, addedTokensAfterNormalization.isEmpty {
        encode(bytes, stretch, at: position, with: &room, into: &tokens)
        return
      }
      let (normalized, markup) = normalize(bytes, stretch, at: position, markup: markup)
      split(normalized, at: addedTokensAfterNormalization, markup: markup, into: &tokens) { stretch, tokens in
        let position = stretch.lowerBound == 0 ? position : .behindAddedToken
        encode(normalized, stretch, at: position, with: &room, into: &tokens)
      }
    }
  }

  /// Appends the added tokens found in `bytes`, and hands the stretches between them to `encodeStretch`.
  private func split(
    _ bytes: [UInt8], at added: AddedTokens, markup: [Range<Int>], into tokens: inout [Int32],
    encodeStretch: (Range<Int>, inout [Int32]) -> Void
  ) {
    var start = 0
    var searched = 0
    while let match = added.first(in: bytes, searched..<bytes.count, markup: markup) {
      searched = match.range.upperBound
      let rule = match.token.rule
      if rule.singleWord, !AddedTokenBorders.standsAlone(match.range, in: bytes) { continue }
      var (lower, upper) = (match.range.lowerBound, match.range.upperBound)
      if rule.stripsLeft { lower = AddedTokenBorders.whitespaceStart(before: lower, limit: start, in: bytes) }
      if rule.stripsRight { upper = AddedTokenBorders.whitespaceEnd(from: upper, in: bytes) }
      if start < lower { encodeStretch(start..<lower, &tokens) }
      tokens.append(match.token.id)
      start = upper
    }
    if start < bytes.count { encodeStretch(start..<bytes.count, &tokens) }
  }

  /// Where markup lies is known only before normalisation, so each run of one kind is composed by itself.
  private func normalize(
    _ bytes: [UInt8], _ stretch: Range<Int>, at position: TextPosition, markup: [Range<Int>]
  ) -> (bytes: [UInt8], markup: [Range<Int>]) {
    var result: [UInt8] = []
    var ranges: [Range<Int>] = []
    var start = stretch.lowerBound
    func append(_ end: Int) {
      result += normalization.applied(toContinuation: bytes[start..<end])
      start = end
    }
    if normalization.prependsSpace, position != .withinText { result += SpaceMark.bytes }
    for range in markup where range.overlaps(stretch) {
      let inner = range.clamped(to: stretch)
      append(inner.lowerBound)
      // The space in front belongs to the run that begins the stretch.
      let lower = inner.lowerBound == stretch.lowerBound ? 0 : result.count
      append(inner.upperBound)
      ranges.append(lower..<result.count)
    }
    append(stretch.upperBound)
    return (result, ranges)
  }

  /// Splits a stretch without added tokens into pieces and looks up or merges each.
  private func encode(
    _ bytes: [UInt8], _ stretch: Range<Int>, at position: TextPosition, with room: inout EncodingWorkspace.Room,
    into tokens: inout [Int32]
  ) {
    bytes.withUnsafeBufferPointer { bytes in
      let stretch = UnsafeBufferPointer(rebasing: bytes[stretch])
      switch spelling {
      case .bytes(let rule): encodeBytes(stretch, rule, with: &room, into: &tokens)
      case .characters(let rules): encodeCharacters(stretch, rules, at: position, with: &room, into: &tokens)
      }
    }
  }

  private func encodeBytes(
    _ stretch: UnsafeBufferPointer<UInt8>, _ rule: SplitRule, with room: inout EncodingWorkspace.Room,
    into tokens: inout [Int32]
  ) {
    rule.forEachPiece(of: stretch, classes: &room.classes) { start, end in
      let piece = UnsafeBufferPointer(rebasing: stretch[start..<end])
      if room.pieces.append(tokensOf: piece, to: &tokens) { return }
      if ignoreMerges, let whole = wholeToken(piece) {
        room.merger.tokens = [whole]
      } else {
        room.merger.tokens.removeAll(keepingCapacity: true)
        for byte in piece where byteTokens[Int(byte)] >= 0 { room.merger.tokens.append(byteTokens[Int(byte)]) }
        room.merger.merge(with: merges)
      }
      tokens += room.merger.tokens
      room.pieces.insert(piece, tokens: room.merger.tokens)
    }
  }

  /// The normal token that spells the whole piece, if there is one.
  private func wholeToken(_ piece: UnsafeBufferPointer<UInt8>) -> Int32? {
    var spelling: [UInt8] = []
    spelling.reserveCapacity(piece.count * 2)
    for byte in piece { spelling += ByteAlphabet.spellings[Int(byte)] }
    guard let token = table.id(of: spelling), kinds[Int(token)] == .normal else { return nil }
    return token
  }
}
