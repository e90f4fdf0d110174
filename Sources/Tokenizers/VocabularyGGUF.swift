/// Vocabularies from the values of a GGUF's `tokenizer.ggml.*` keys, read as llama.cpp reads them.
extension Vocabulary {
  /// A byte-level vocabulary (`model` is "gpt2").
  /// - Parameters:
  ///   - tokens: `tokens`.
  ///   - types: `token_type`; nil makes every token a normal one.
  ///   - merges: `merges`, each `left right`.
  ///   - preTokenizer: `pre`.
  ///   - addsBeginOfText: `add_bos_token`; nil is the default of the pre-tokenizer.
  /// - Throws: `TokenizerError` for an unknown `pre` or type, or a merge that is not two words.
  public init(
    ggufTokens tokens: [String], types: [Int]?, merges: [String], preTokenizer: String, beginOfText: Int32?,
    endOfText: Int32?, addsBeginOfText: Bool?, addsEndOfText: Bool?, source: String
  ) throws(TokenizerError) {
    guard let rule = SplitRule(ggufName: preTokenizer) else {
      let known = SplitRule.allCases.map(\.rawValue).joined(separator: ", ")
      throw TokenizerError(
        "tokenizer.ggml.pre is \(preTokenizer.quotedForMessage), which is not supported; known are \(known)",
        source: source)
    }
    let kinds = try Self.kinds(types, of: tokens, named: [beginOfText, endOfText], source: source)
    var pairs: [Merge] = []
    pairs.reserveCapacity(merges.count)
    for (rank, text) in merges.enumerated() {
      guard let merge = Merge(spaced: text) else {
        throw TokenizerError("merge \(rank) is \(text.quotedForMessage), not two tokens and a space", source: source)
      }
      pairs.append(merge)
    }
    self.init(tokens: tokens, kinds: kinds, merges: pairs, spelling: .bytes(rule), source: source)
    self.ignoreMerges = SplitRule.ignoresMerges(ggufName: preTokenizer)
    self.beginOfText = beginOfText
    self.endOfText = endOfText
    self.addsBeginOfText = addsBeginOfText ?? ignoreMerges
    self.addsEndOfText = addsEndOfText ?? false
  }

  /// A SentencePiece vocabulary (`model` is "llama").
  ///
  /// Unlike in llama.cpp, a control token is never merged out of a user's text, as in SentencePiece itself.
  /// - Parameters:
  ///   - tokens: `tokens`.
  ///   - scores: `scores`.
  ///   - types: `token_type`; nil makes every token a normal one, and those of bytes byte tokens.
  ///   - addsSpacePrefix: `add_space_prefix`; nil is true.
  ///   - unknown: `unknown_token_id`, for a byte that has no token.
  ///   - addsBeginOfText: `add_bos_token`; nil is true.
  ///   - addsEndOfText: `add_eos_token`; nil is false.
  ///   - modelName: `general.name`; special tokens of Phi 3 take the white space behind them.
  /// - Throws: `TokenizerError` for an unknown type.
  public init(
    ggufTokens tokens: [String], scores: [Float], types: [Int]?, addsSpacePrefix: Bool?, beginOfText: Int32?,
    endOfText: Int32?, unknown: Int32?, addsBeginOfText: Bool?, addsEndOfText: Bool?, modelName: String?,
    source: String
  ) throws(TokenizerError) {
    var kinds = try Self.kinds(types, of: tokens, named: [beginOfText, endOfText], source: source)
    if types == nil {
      for (id, text) in tokens.enumerated() where ByteToken.byte(text) != nil { kinds[id] = .byte }
    }
    var rules = SentencePieceRules()
    rules.scores = scores
    rules.stripsPrefix = addsSpacePrefix ?? true
    self.init(tokens: tokens, kinds: kinds, merges: [], spelling: .characters(rules), source: source)
    normalization = Normalization(prependsSpace: addsSpacePrefix ?? true, marksSpaces: true)
    self.beginOfText = beginOfText
    self.endOfText = endOfText
    unknownToken = unknown
    self.addsBeginOfText = addsBeginOfText ?? true
    self.addsEndOfText = addsEndOfText ?? false
    if let name = modelName?.lowercased(), name.utf8.contains("phi-3".utf8) || name.utf8.contains("phi3".utf8) {
      for id in tokens.indices where isAdded(id) && !["<unk>", "<s>", "<|endoftext|>"].contains(tokens[id]) {
        addedTokenRules[Int32(id)] = AddedTokenRule(stripsRight: true)
      }
    }
  }

  /// Texts of tokens that end a turn or a text, which some files list as user-defined ones.
  private static let endTokens: Set<String> = [
    "</s>", "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>",
  ]

  /// The kinds that numbers stand for; tokens that begin or end a text are control tokens whatever the file says, so
  /// that a user's text cannot spell them.
  private static func kinds(
    _ types: [Int]?, of tokens: [String], named: [Int32?], source: String
  ) throws(TokenizerError) -> [TokenKind] {
    guard let types else { return Array(repeating: .normal, count: tokens.count) }
    var kinds: [TokenKind] = []
    kinds.reserveCapacity(tokens.count)
    for (id, number) in types.enumerated() {
      guard let kind = TokenKind(ggufNumber: number) else {
        throw TokenizerError("token \(id) has type \(number); types are 1 to 6", source: source)
      }
      kinds.append(kind)
    }
    guard kinds.count == tokens.count else { return kinds }
    for id in kinds.indices where kinds[id] == .userDefined {
      if named.contains(Int32(id)) || endTokens.contains(tokens[id]) { kinds[id] = .control }
    }
    return kinds
  }
}
