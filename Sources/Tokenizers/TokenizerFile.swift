import Records

/// A Hugging Face `tokenizer.json`, read part by part; whatever is not known to be understood is refused by name.
struct TokenizerFile {
  let json: JSON
  let source: String

  func failure(_ reason: String) -> TokenizerError { TokenizerError(reason, source: source) }

  func vocabulary(configuration: JSON?) throws(TokenizerError) -> Vocabulary {
    // Truncation and padding concern batches of one caller; every text is encoded whole here.
    try check(
      json, "the file",
      keys: [
        "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder",
        "model",
      ])
    let model = json["model"] ?? .null
    try checkModel(model)
    let normalization = try normalization(present(json["normalizer"]))
    let spelling = try spelling(model, normalization)
    let added = try addedTokens(json["added_tokens"])
    var texts: [String?] = []
    var kinds: [TokenKind] = []
    try readTokens(model["vocab"], added: added, texts: &texts, kinds: &kinds)
    var tokens: [String] = []
    tokens.reserveCapacity(texts.count)
    for (id, text) in texts.enumerated() {
      guard let text else { throw failure("no token has id \(id), but there are ids up to \(texts.count - 1)") }
      tokens.append(text)
    }
    let merges = try merges(model["merges"])
    var vocabulary = Vocabulary(tokens: tokens, kinds: kinds, merges: merges, spelling: spelling, source: source)
    vocabulary.normalization = normalization
    vocabulary.ignoreMerges = model["ignore_merges"]?.bool ?? false
    for token in added { vocabulary.addedTokenRules[token.id] = token.rule }
    if case .characters(let rules) = spelling, rules.fallsBackToBytes {
      for (id, text) in tokens.enumerated() where kinds[id] == .normal && ByteToken.byte(text) != nil {
        vocabulary.kinds[id] = .byte
      }
    }
    if let unknown = present(model["unk_token"]) {
      vocabulary.unknownToken = try identifier(unknown, "model.unk_token", tokens)
    }
    vocabulary.beginOfText = try named("bos_token", in: configuration, tokens)
    vocabulary.endOfText = try named("eos_token", in: configuration, tokens)
    try readPostProcessor(present(json["post_processor"]), tokens, into: &vocabulary)
    return vocabulary
  }

  // MARK: Helpers

  /// The value, or nil if it is absent or null.
  func present(_ value: JSON?) -> JSON? { value.flatMap { $0.isNull ? nil : $0 } }

  /// Refuses a value that is no object or has a member that is not listed.
  func check(_ value: JSON, _ place: String, keys: Set<String>) throws(TokenizerError) {
    guard let members = value.members else { throw failure("\(place) is \(value.kind), not an object") }
    for member in members where !keys.contains(member.key) {
      throw failure("\(place) has the member \(member.key.quotedForMessage), which is not supported")
    }
  }

  /// Refuses a member that has another value than one of those listed; it may be absent.
  func check(_ value: JSON, _ place: String, _ key: String, isOneOf allowed: [JSON]) throws(TokenizerError) {
    guard let found = value[key], !allowed.contains(found) else { return }
    throw failure("\(place).\(key) is \(found.text.quotedForMessage), which is not supported")
  }

  func type(_ stage: JSON, _ place: String) throws(TokenizerError) -> String {
    guard let type = stage["type"]?.string else { throw failure("\(place) has no type") }
    return type
  }

  func unsupported(_ place: String, _ type: String) -> TokenizerError {
    failure("\(place) of type \(type.quotedForMessage) is not supported")
  }

  /// The stages of a `Sequence`, or the stage itself.
  func stages(_ stage: JSON, _ place: String, _ key: String) throws(TokenizerError) -> [JSON] {
    guard try type(stage, place) == "Sequence" else { return [stage] }
    try check(stage, place, keys: ["type", key])
    guard let stages = stage[key]?.array else { throw failure("\(place).\(key) is not an array") }
    return stages
  }

  func identifier(_ value: JSON, _ place: String, _ tokens: [String]) throws(TokenizerError) -> Int32 {
    guard let text = value.string ?? value["content"]?.string else {
      throw failure("\(place) is \(value.kind), not a token")
    }
    guard let id = tokens.firstIndex(where: { $0.utf8.elementsEqual(text.utf8) }) else {
      throw failure("\(place) is \(text.quotedForMessage), which the vocabulary lacks")
    }
    return Int32(id)
  }

  private func named(_ key: String, in configuration: JSON?, _ tokens: [String]) throws(TokenizerError) -> Int32? {
    guard let value = present(configuration?[key]) else { return nil }
    return try identifier(value, key, tokens)
  }
}

extension Tokenizer {
  /// Reads a Hugging Face tokenizer.json with a BPE model, byte-level or as SentencePiece has it.
  /// - Parameters:
  ///   - configuration: tokenizer_config.json, which names the tokens that begin and end a text.
  ///   - source: the file's name, for messages.
  /// - Throws: `TokenizerError` naming whatever is not supported, missing or contradictory.
  public init(tokenizerJSON: JSON, configuration: JSON? = nil, source: String) throws(TokenizerError) {
    let file = TokenizerFile(json: tokenizerJSON, source: source)
    try self.init(vocabulary: file.vocabulary(configuration: configuration))
  }
}
