import Records

/// The model and the added tokens of a `tokenizer.json`.
extension TokenizerFile {
  /// One entry of `added_tokens`.
  struct AddedToken {
    var id: Int32
    var text: String
    var isSpecial: Bool
    var rule: AddedTokenRule
  }

  func checkModel(_ model: JSON) throws(TokenizerError) {
    try check(
      model, "model",
      keys: [
        "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
        "ignore_merges", "vocab", "merges",
      ])
    // Files of 2019 have no type; they are BPE if they have merges.
    try check(model, "model", "type", isOneOf: [.string("BPE")])
    try check(model, "model", "dropout", isOneOf: [.null, .number("0.0"), .number("0")])
    try check(model, "model", "continuing_subword_prefix", isOneOf: [.null, .string("")])
    try check(model, "model", "end_of_word_suffix", isOneOf: [.null, .string("")])
    try check(model, "model", "byte_fallback", isOneOf: [.null, .bool(false), .bool(true)])
    try check(model, "model", "fuse_unk", isOneOf: [.null, .bool(false), .bool(true)])
    try check(model, "model", "ignore_merges", isOneOf: [.null, .bool(false), .bool(true)])
  }

  func addedTokens(_ value: JSON?) throws(TokenizerError) -> [AddedToken] {
    guard let value = present(value) else { return [] }
    guard let entries = value.array else { throw failure("added_tokens is \(value.kind), not an array") }
    var tokens: [AddedToken] = []
    for (position, entry) in entries.enumerated() {
      let place = "added_tokens[\(position)]"
      try check(
        entry, place, keys: ["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"])
      guard let text = entry["content"]?.string else { throw failure("\(place).content is not a string") }
      guard let id = entry["id"]?.integer else { throw failure("\(place).id is not an integer") }
      for key in ["single_word", "lstrip", "rstrip", "normalized", "special"] {
        try check(entry, "\(place), \(text.quotedForMessage),", key, isOneOf: [.null, .bool(false), .bool(true)])
      }
      let special = entry["special"]?.bool ?? false
      let rule = AddedTokenRule(
        singleWord: entry["single_word"]?.bool ?? false, stripsLeft: entry["lstrip"]?.bool ?? false,
        stripsRight: entry["rstrip"]?.bool ?? false, isNormalized: entry["normalized"]?.bool ?? !special)
      tokens.append(AddedToken(id: try checked(id, text), text: text, isSpecial: special, rule: rule))
    }
    return tokens
  }

  private func checked(_ id: Int, _ text: String) throws(TokenizerError) -> Int32 {
    guard let id = Int32(exactly: id), id >= 0 else {
      throw failure("the id of \(text.quotedForMessage) is \(id), out of range")
    }
    return id
  }

  func readTokens(
    _ value: JSON?, added: [AddedToken], texts: inout [String?], kinds: inout [TokenKind]
  ) throws(TokenizerError) {
    guard let members = value?.members else { throw failure("model.vocab is not an object of tokens and their ids") }
    // Without holes or duplicates there are as many ids as entries, so a larger one is an error.
    let limit = members.count + added.count
    texts = Array(repeating: nil, count: limit)
    kinds = Array(repeating: .normal, count: limit)
    var count = 0
    for member in members {
      guard let number = member.value.integer else {
        throw failure("the id of \(member.key.quotedForMessage) is \(member.value.kind), not an integer")
      }
      let id = Int(try checked(number, member.key))
      guard id < limit else { throw outOfRange(id, member.key, limit) }
      if let other = texts[id] {
        throw failure("\(other.quotedForMessage) and \(member.key.quotedForMessage) have the same id, \(id)")
      }
      texts[id] = member.key
      count = max(count, id + 1)
    }
    for token in added {
      let id = Int(token.id)
      guard id < limit else { throw outOfRange(id, token.text, limit) }
      if let other = texts[id], !other.utf8.elementsEqual(token.text.utf8) {
        throw failure("\(other.quotedForMessage) and \(token.text.quotedForMessage) have the same id, \(id)")
      }
      texts[id] = token.text
      kinds[id] = token.isSpecial ? .control : .userDefined
      count = max(count, id + 1)
    }
    texts.removeSubrange(count...)
    kinds.removeSubrange(count...)
  }

  private func outOfRange(_ id: Int, _ text: String, _ limit: Int) -> TokenizerError {
    failure("the id of \(text.quotedForMessage) is \(id), out of range: there are \(limit) tokens")
  }

  /// Merges in either spelling, `"a b"` or `["a", "b"]`.
  func merges(_ value: JSON?) throws(TokenizerError) -> [Merge] {
    guard let entries = value?.array else { throw failure("model.merges is not an array") }
    var merges: [Merge] = []
    merges.reserveCapacity(entries.count)
    for (rank, entry) in entries.enumerated() {
      if let text = entry.string, let merge = Merge(spaced: text) {
        merges.append(merge)
      } else if let pair = entry.array, pair.count == 2, let left = pair[0].string, let right = pair[1].string {
        merges.append(Merge(left, right))
      } else {
        throw failure("model.merges[\(rank)] is \(entry.text.quotedForMessage), not two tokens")
      }
    }
    return merges
  }
}
