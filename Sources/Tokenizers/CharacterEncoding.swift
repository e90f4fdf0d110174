/// Encoding with tokens that are spelt in characters.
extension Tokenizer {
  /// Appends the tokens of a stretch without added tokens.
  func encodeCharacters(
    _ stretch: UnsafeBufferPointer<UInt8>, _ rules: SentencePieceRules, at position: TextPosition,
    with room: inout EncodingWorkspace.Room, into tokens: inout [Int32]
  ) {
    guard let characters else { return }
    let startsWithSpace = stretch.starts(with: SpaceMark.bytes) || rules.marksSpaces && stretch.first == 0x20
    let addsSpace = !startsWithSpace && !normalization.prependsSpace && addsPrefixSpace(at: position)
    guard rules.marksSpaces || addsSpace else {
      encode(stretch, characters, with: &room, into: &tokens)
      return
    }
    var marked = room.marked
    room.marked = []
    marked.removeAll(keepingCapacity: true)
    if addsSpace { marked += SpaceMark.bytes }
    if rules.marksSpaces {
      SpaceMark.append(stretch, markingSpacesTo: &marked)
    } else {
      marked += stretch
    }
    marked.withUnsafeBufferPointer { encode($0, characters, with: &room, into: &tokens) }
    room.marked = marked
  }

  private func encode(
    _ stretch: UnsafeBufferPointer<UInt8>, _ characters: CharacterTables, with room: inout EncodingWorkspace.Room,
    into tokens: inout [Int32]
  ) {
    characters.forEachPiece(of: stretch) { start, end in
      let piece = UnsafeBufferPointer(rebasing: stretch[start..<end])
      if room.pieces.append(tokensOf: piece, to: &tokens) { return }
      room.merger.tokens.removeAll(keepingCapacity: true)
      if ignoreMerges, let whole = table.id(of: UnsafeRawBufferPointer(piece)), kinds[Int(whole)] == .normal {
        room.merger.tokens.append(whole)
      } else if let ranks = characters.ranks {
        mergeByScore(piece, ranks, &room)
      } else {
        appendSymbols(of: piece, characters.rules, to: &room.merger.tokens)
        room.merger.merge(with: merges)
      }
      tokens += room.merger.tokens
      room.pieces.insert(piece, tokens: room.merger.tokens)
    }
  }

  /// The token of a character, unless it is one that text cannot spell.
  private func token(of character: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard let token = table.id(of: UnsafeRawBufferPointer(character)) else { return nil }
    switch kinds[Int(token)] {
    case .normal, .unused, .userDefined: return token
    case .control, .unknown, .byte: return nil
    }
  }

  /// The symbols that listed merges start from, in the order that Hugging Face's `merge_word` has them.
  ///
  /// A character without a token becomes the tokens of its bytes if all of them have one, else the unknown token.
  private func appendSymbols(
    of piece: UnsafeBufferPointer<UInt8>, _ rules: SentencePieceRules, to symbols: inout [Int32]
  ) {
    var pendingUnknown = false
    var start = 0
    while start < piece.count {
      let end = min(piece.count, start + UTF8Scalar.length(piece[start]))
      let character = UnsafeBufferPointer(rebasing: piece[start..<end])
      start = end
      if let token = token(of: character) {
        if pendingUnknown, let unknownToken { symbols.append(unknownToken) }
        pendingUnknown = false
        symbols.append(token)
      } else if rules.fallsBackToBytes, character.allSatisfy({ !bytesWithoutToken.contains($0) }) {
        for byte in character { symbols.append(byteTokens[Int(byte)]) }
      } else {
        if pendingUnknown, !rules.fusesUnknown, let unknownToken { symbols.append(unknownToken) }
        pendingUnknown = true
      }
    }
    if pendingUnknown, let unknownToken { symbols.append(unknownToken) }
  }

  /// Merges as llama.cpp does: neighbours whose texts together are a token, the highest score first, the leftmost among
  /// equals; they need not be tokens themselves. Characters that are none in the end become the tokens of their bytes.
  private func mergeByScore(
    _ piece: UnsafeBufferPointer<UInt8>, _ ranks: [UInt32], _ room: inout EncodingWorkspace.Room
  ) {
    var starts = room.symbolStarts
    room.symbolStarts = []
    starts.removeAll(keepingCapacity: true)
    var start = 0
    while start < piece.count {
      let end = min(piece.count, start + UTF8Scalar.length(piece[start]))
      let token = token(of: UnsafeBufferPointer(rebasing: piece[start..<end]))
      // A character without a token is told by where it begins.
      room.merger.tokens.append(token ?? ~Int32(clamping: start))
      starts.append(start)
      start = end
    }
    starts.append(piece.count)
    room.merger.merge(by: { _, _, left, end in
      let text = UnsafeBufferPointer(rebasing: piece[starts[left]..<starts[end]])
      guard let token = table.id(of: UnsafeRawBufferPointer(text)) else { return (MergeTable.none, -1) }
      return (ranks[Int(token)], token)
    })
    room.symbolStarts = starts
    guard room.merger.tokens.contains(where: { $0 < 0 }) else { return }
    var tokens: [Int32] = []
    for token in room.merger.tokens {
      guard token < 0 else {
        tokens.append(token)
        continue
      }
      let start = Int(~token)
      let end = min(piece.count, start + UTF8Scalar.length(piece[start]))
      for byte in piece[start..<end] where byteTokens[Int(byte)] >= 0 { tokens.append(byteTokens[Int(byte)]) }
    }
    room.merger.tokens = tokens
  }
}
