import Records
import Tokenizers

/// A vocabulary as the tokenizer.json that the tokenizers library reads.
struct TokenizerExport {
  let vocabulary: Vocabulary

  /// The whole file.
  /// - Throws: `CheckpointError` if two tokens have the same text, which the file cannot hold; `TokenizerError` if the
  ///   vocabulary is of no use itself.
  func json() throws -> JSON {
    let merges = try vocabulary.derivedMerges()
    return .object([
      "version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": addedTokens,
      "normalizer": normalizer, "pre_tokenizer": preTokenizer, "post_processor": postProcessor, "decoder": decoder,
      "model": .object([
        "type": .string("BPE"), "dropout": .null, "unk_token": unknownToken, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": .bool(isSentencePiece), "byte_fallback": .bool(isSentencePiece),
        "ignore_merges": .bool(vocabulary.ignoreMerges), "vocab": try pieces(),
        "merges": .array(merges.map { .string("\($0.left) \($0.right)") }),
      ]),
    ])
  }

  private var isSentencePiece: Bool {
    if case .characters = vocabulary.spelling { true } else { false }
  }

  /// The token for characters that have neither a token nor tokens of their bytes.
  private var unknownToken: JSON {
    guard isSentencePiece, let unknown = vocabulary.unknownToken, vocabulary.tokens.indices.contains(Int(unknown))
    else {
      return .null
    }
    return .string(vocabulary.tokens[Int(unknown)])
  }

  // MARK: Tokens

  /// Padding at the end, which GGUF files have where the embedding is larger than the vocabulary, is left away.
  private var count: Int { (vocabulary.kinds.lastIndex { $0 != .unused } ?? -1) + 1 }

  private func isAdded(_ id: Int) -> Bool {
    switch vocabulary.kinds[id] {
    case .control, .unknown, .userDefined: true
    case .normal, .unused, .byte: false
    }
  }

  private var addedTokens: JSON {
    .array(
      (0..<count).filter(isAdded).map { id in
        let rule = vocabulary.addedTokenRules[Int32(id)] ?? AddedTokenRule()
        return .object([
          "id": .integer(id), "content": .string(vocabulary.tokens[id]), "single_word": .bool(rule.singleWord),
          "lstrip": .bool(rule.stripsLeft), "rstrip": .bool(rule.stripsRight), "normalized": .bool(rule.isNormalized),
          "special": .bool(vocabulary.kinds[id] != .userDefined),
        ])
      })
  }

  /// The model's own tokens: all but the added ones behind the last that is not, as the models' authors have it.
  private func pieces() throws(CheckpointError) -> JSON {
    let end = ((0..<count).last { !isAdded($0) } ?? -1) + 1
    var seen = Set<[UInt8]>(minimumCapacity: end)
    var members: [JSON.Member] = []
    members.reserveCapacity(end)
    for id in 0..<end {
      let text = vocabulary.tokens[id]
      guard seen.insert(Array(text.utf8)).inserted else {
        throw CheckpointError(
          vocabulary.source, "token \(id) has the text of another, which tokenizer.json cannot hold")
      }
      members.append(JSON.Member(text, .integer(id)))
    }
    return .object(members)
  }
}
