extension Tokenizer {
  /// The tokens of a text.
  ///
  /// Control tokens such as `<|im_end|>` are recognised only if `parseSpecial` is true: with a user's text it is false,
  /// and they are then spelt out like any other text. User-defined tokens are recognised always, as the model saw them.
  /// - Parameter addSpecialTokens: puts the tokens around the text that the model begins and ends a text with.
  public func encode(_ text: String, addSpecialTokens: Bool = false, parseSpecial: Bool) -> [Int32] {
    let bytes = Array(text.utf8)
    var tokens = addSpecialTokens ? prefix : []
    encode(bytes, markup: parseSpecial ? [0..<bytes.count] : [], into: &tokens)
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
    encode(bytes, markup: markup, into: &tokens)
    return tokens
  }

  private func encode(_ bytes: [UInt8], markup: [Range<Int>], into tokens: inout [Int32]) {
    workspace.withLock { workspace in encode(bytes, markup: markup, with: &workspace, into: &tokens) }
  }

  private func encode(
    _ bytes: [UInt8], markup: [Range<Int>], with workspace: inout EncodingWorkspace.Room, into tokens: inout [Int32]
  ) {
    split(bytes, at: addedTokens, markup: markup, into: &tokens) { stretch, tokens in
      if normalization == .none, addedTokensAfterNormalization.isEmpty {
        encode(bytes, stretch, with: &workspace, into: &tokens)
        return
      }
      // Where markup lies is known only before normalisation, so each run of one kind is normalised by itself.
      let (normalized, markup) = normalize(bytes, stretch, markup: markup)
      split(normalized, at: addedTokensAfterNormalization, markup: markup, into: &tokens) { stretch, tokens in
        encode(normalized, stretch, with: &workspace, into: &tokens)
      }
    }
  }

  /// Appends the added tokens found in `bytes`, and hands the stretches between them to `encodeStretch`.
  private func split(
    _ bytes: [UInt8], at added: AddedTokens, markup: [Range<Int>], into tokens: inout [Int32],
    encodeStretch: (Range<Int>, inout [Int32]) -> Void
  ) {
    var start = 0
    while start < bytes.count {
      let found = added.first(in: bytes, start..<bytes.count, markup: markup)
      let end = found?.range.lowerBound ?? bytes.count
      if start < end { encodeStretch(start..<end, &tokens) }
      guard let found else { return }
      tokens.append(found.id)
      start = found.range.upperBound
    }
  }

  private func normalize(
    _ bytes: [UInt8], _ stretch: Range<Int>, markup: [Range<Int>]
  ) -> (bytes: [UInt8], markup: [Range<Int>]) {
    var result: [UInt8] = []
    var ranges: [Range<Int>] = []
    var start = stretch.lowerBound
    func append(_ end: Int) {
      result += normalization.applied(to: Array(bytes[start..<end]))
      start = end
    }
    for range in markup where range.overlaps(stretch) {
      let inner = range.clamped(to: stretch)
      append(inner.lowerBound)
      let lower = result.count
      append(inner.upperBound)
      ranges.append(lower..<result.count)
    }
    append(stretch.upperBound)
    return (result, ranges)
  }

  /// Splits a stretch without added tokens into pieces and looks up or merges each.
  private func encode(
    _ bytes: [UInt8], _ stretch: Range<Int>, with room: inout EncodingWorkspace.Room, into tokens: inout [Int32]
  ) {
    bytes.withUnsafeBufferPointer { bytes in
      let stretch = UnsafeBufferPointer(rebasing: bytes[stretch])
      splitRule.forEachPiece(of: stretch, classes: &room.classes) { start, end in
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
