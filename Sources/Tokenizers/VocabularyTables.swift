import Records

/// From a vocabulary's plain data to the tables that encoding and decoding look things up in.
extension Vocabulary {
  private func failure(_ reason: String) -> TokenizerError { TokenizerError(reason, source: source) }

  func checkIdentifiers() throws(TokenizerError) {
    guard tokens.count <= Int(Int32.max) else { throw failure("\(tokens.count) tokens are more than ids can number") }
    guard kinds.count == tokens.count else {
      throw failure("\(kinds.count) token types for \(tokens.count) tokens")
    }
    switch spelling {
    case .bytes:
      if let id = kinds.firstIndex(of: .byte) {
        throw failure("token \(id) is a byte of a SentencePiece vocabulary, which byte-level BPE does not have")
      }
      if normalization.prependsSpace || normalization.marksSpaces {
        throw failure("a normalizer puts spaces or marks them, which byte-level BPE is not supported with")
      }
    case .characters(let rules): try check(rules)
    }
    let named = [("begin", beginOfText), ("end", endOfText), ("unknown", unknownToken)]
    for (name, id) in named {
      if let id, id < 0 || Int(id) >= tokens.count {
        throw failure("the \(name) token has id \(id); the vocabulary has \(tokens.count) tokens")
      }
    }
    if addsBeginOfText, beginOfText == nil { throw failure("a begin token is to be added, but none is named") }
    if addsEndOfText, endOfText == nil { throw failure("an end token is to be added, but none is named") }
  }

  private func check(_ rules: SentencePieceRules) throws(TokenizerError) {
    for (id, kind) in kinds.enumerated() where kind == .byte && ByteToken.byte(tokens[id]) == nil {
      throw failure("token \(id) is \(tokens[id].quotedForMessage), expected a byte such as <0x0A>")
    }
    guard let scores = rules.scores else { return }
    guard scores.count == tokens.count else { throw failure("\(scores.count) scores for \(tokens.count) tokens") }
    if let id = scores.firstIndex(where: \.isNaN) { throw failure("the score of token \(id) is not a number") }
    guard merges.isEmpty else { throw failure("there are both merges and scores") }
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
        // Converters derive the merges of SentencePiece vocabularies from all pairs of tokens, `<s` + `>` among them;
        // control tokens are cut out of markup before, and a user's text must not spell them.
        if case .characters = spelling { continue }
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

  /// Whether the token is cut out of the text as a whole.
  func isAdded(_ id: Int) -> Bool {
    switch kinds[id] {
    case .control, .unknown, .userDefined: true
    case .normal, .unused, .byte: false
    }
  }

  /// The tokens that are looked for before and after normalisation.
  func addedTokens() -> (before: AddedTokens, after: AddedTokens) {
    let added = kinds.indices.filter(isAdded)
    var before = AddedTokens(capacity: added.count)
    var after = AddedTokens(capacity: added.count)
    for id in added {
      let token = Int32(id)
      let rule = addedTokenRules[token] ?? AddedTokenRule()
      let text = Array(tokens[id].utf8)
      let isControl = kinds[id] != .userDefined
      if rule.isNormalized {
        after.insert(token, text: normalization.applied(to: text), isControl: isControl, rule: rule)
      } else {
        before.insert(token, text: text, isControl: isControl, rule: rule)
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
      switch spelling {
      case .bytes where kinds[id] == .normal: ByteAlphabet.append(bytesOf: text, to: &bytes)
      case .bytes: bytes.append(contentsOf: text.utf8)
      case .characters:
        if kinds[id] == .byte, let byte = ByteToken.byte(text) {
          bytes.append(byte)
        } else {
          SpaceMark.append(text.utf8, unmarkingSpacesTo: &bytes)
        }
      }
      ends.append(bytes.count)
    }
    return (bytes, ends)
  }

  func fingerprint() -> String {
    var fingerprint = Fingerprint()
    switch spelling {
    case .bytes(let rule): fingerprint.add(rule.rawValue.utf8)
    case .characters(let rules):
      rules.add(to: &fingerprint)
      fingerprint.add(unknownToken ?? -1)
    }
    fingerprint.add(normalization.name.utf8)
    fingerprint.add(ignoreMerges ? 1 : 0 as UInt8)
    for (token, rule) in addedTokenRules.sorted(by: { $0.key < $1.key }) where rule != AddedTokenRule() {
      fingerprint.add(token)
      for flag in [rule.singleWord, rule.stripsLeft, rule.stripsRight, rule.isNormalized] {
        fingerprint.add(flag ? 1 : 0 as UInt8)
      }
    }
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

extension SentencePieceRules {
  fileprivate func add(to fingerprint: inout Fingerprint) {
    fingerprint.add("SentencePiece \(prefix.rawValue)".utf8)
    for flag in [marksSpaces, splitsWords, fallsBackToBytes, fusesUnknown, stripsPrefix] {
      fingerprint.add(flag ? 1 : 0 as UInt8)
    }
    for score in scores ?? [] { fingerprint.add(Int32(bitPattern: score.bitPattern)) }
  }
}
