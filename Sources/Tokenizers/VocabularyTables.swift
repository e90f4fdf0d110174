import Records

/// From a vocabulary's plain data to the tables that encoding and decoding look things up in.
extension Vocabulary {
  private func failure(_ reason: String) -> TokenizerError { TokenizerError(reason, source: source) }

  func checkIdentifiers() throws(TokenizerError) {
    guard tokens.count <= Int(Int32.max) else { throw failure("\(tokens.count) tokens are more than ids can number") }
    guard kinds.count == tokens.count else {
      throw failure("\(kinds.count) token types for \(tokens.count) tokens")
    }
    if let id = kinds.firstIndex(of: .byte) {
      throw failure("token \(id) is a byte of a SentencePiece vocabulary, which byte-level BPE does not have")
    }
    let named = [("begin", beginOfText), ("end", endOfText), ("unknown", byteFallback)]
    for (name, id) in named {
      if let id, id < 0 || Int(id) >= tokens.count {
        throw failure("the \(name) token has id \(id); the vocabulary has \(tokens.count) tokens")
      }
    }
    if addsBeginOfText, beginOfText == nil { throw failure("a begin token is to be added, but none is named") }
    if addsEndOfText, endOfText == nil { throw failure("an end token is to be added, but none is named") }
  }

  func tokenTable() throws(TokenizerError) -> TokenTable {
    var table = TokenTable(capacity: tokens.count)
    for (id, text) in tokens.enumerated() {
      if text.isEmpty, kinds[id] != .unused { throw failure("token \(id) is empty") }
      if let earlier = table.append(text), kinds[id] != .unused {
        throw failure("token \(id) has the text of token \(earlier), \(text.quotedForMessage)")
      }
    }
    return table
  }

  func mergeTable(_ table: TokenTable) throws(TokenizerError) -> MergeTable {
    guard merges.count < Int(UInt32.max) else { throw failure("\(merges.count) merges are too many") }
    var result = MergeTable(capacity: merges.count)
    var joined: [UInt8] = []
    for (rank, merge) in merges.enumerated() {
      joined.removeAll(keepingCapacity: true)
      joined.append(contentsOf: merge.left.utf8)
      let border = joined.count
      joined.append(contentsOf: merge.right.utf8)
      guard let left = table.id(of: joined, in: 0..<border) else { throw unknownToken(merge.left, merge, rank) }
      guard let right = table.id(of: joined, in: border..<joined.count) else {
        throw unknownToken(merge.right, merge, rank)
      }
      guard let merged = table.id(of: joined) else { throw unknownToken(merge.left + merge.right, merge, rank) }
      if kinds[Int(merged)] == .control {
        throw failure("merge \(rank) makes the control token \(tokens[Int(merged)].quotedForMessage) out of plain text")
      }
      guard result.insert(left, right, rank: UInt32(rank), merged: merged) else {
        throw failure("merge \(rank), \("\(merge.left) \(merge.right)".quotedForMessage), stands twice")
      }
    }
    return result
  }

  private func unknownToken(_ text: String, _ merge: Merge, _ rank: Int) -> TokenizerError {
    let pair = "\(merge.left) \(merge.right)".quotedForMessage
    return failure("merge \(rank), \(pair), needs the token \(text.quotedForMessage), which the vocabulary lacks")
  }

  /// The tokens that are looked for before and after normalisation.
  func addedTokens() -> (before: AddedTokens, after: AddedTokens) {
    var before = AddedTokens()
    var after = AddedTokens()
    for (id, kind) in kinds.enumerated() where kind == .control || kind == .unknown || kind == .userDefined {
      let token = Int32(id)
      if tokensMatchedAfterNormalization.contains(token) {
        let text = normalization.applied(to: Array(tokens[id].utf8))
        after.insert(token, text: text, isControl: kind != .userDefined)
      } else {
        before.insert(token, text: Array(tokens[id].utf8), isControl: kind != .userDefined)
      }
    }
    return (before, after)
  }

  /// The bytes of all tokens end to end, and where each one ends.
  func content() -> (bytes: [UInt8], ends: [Int]) {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    ends.reserveCapacity(tokens.count)
    for (id, text) in tokens.enumerated() {
      if kinds[id] == .normal {
        ByteAlphabet.append(bytesOf: text, to: &bytes)
      } else {
        bytes.append(contentsOf: text.utf8)
      }
      ends.append(bytes.count)
    }
    return (bytes, ends)
  }

  func fingerprint() -> String {
    var fingerprint = Fingerprint()
    fingerprint.add(splitRule.rawValue.utf8)
    fingerprint.add(normalization.rawValue.utf8)
    fingerprint.add(ignoreMerges ? 1 : 0 as UInt8)
    for (id, text) in tokens.enumerated() {
      fingerprint.add(kinds[id].rawValue)
      fingerprint.add(text.utf8)
    }
    for merge in merges {
      fingerprint.add(merge.left.utf8)
      fingerprint.add(merge.right.utf8)
    }
    return fingerprint.hexadecimal
  }
}
