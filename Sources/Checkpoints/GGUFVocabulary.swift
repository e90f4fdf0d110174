import Tokenizers

extension Vocabulary {
  /// The vocabulary of a .gguf file, which may hold no more than that.
  /// - Throws: `CheckpointError`, `TokenizerError` or `TensorError` naming what is missing or not supported.
  public init(ggufPath path: String) throws { self = try GGUFFile(path: path).vocabulary() }
}

extension GGUFFile {
  /// The vocabulary in the metadata.
  /// - Throws: `CheckpointError` or `TokenizerError` naming what is missing or not supported.
  func vocabulary() throws -> Vocabulary {
    for (key, most) in [("tokenizer.ggml.tokens", Self.mostTokens), ("tokenizer.ggml.merges", Self.mostMerges)] {
      guard case .array(let elements)? = metadata[key], elements.count > most else { continue }
      throw CheckpointError(path, "\(key) has \(elements.count) elements, expected at most \(most)")
    }
    switch try string("tokenizer.ggml.model") ?? "none" {
    case "gpt2": return try byteLevelVocabulary()
    case "llama": return try sentencePieceVocabulary()
    case let model:
      let name = Self.otherModels[model].map { " (\($0))" } ?? ""
      throw CheckpointError(
        path,
        "the tokenizer is of kind \"\(model)\"\(name), expected \"gpt2\" (byte-level BPE) or \"llama\" (SentencePiece)")
    }
  }

  /// Four times as many as the largest vocabularies in use have; each takes several times its bytes in the file.
  private static let mostTokens = 1 << 20
  private static let mostMerges = 1 << 21

  /// Kinds of tokenizers that are refused, by the name that llama.cpp gives them.
  private static let otherModels = [
    "bert": "WordPiece", "t5": "unigram", "rwkv": "greedy RWKV", "plamo2": "PLaMo-2", "none": "no vocabulary",
  ]

  private func byteLevelVocabulary() throws -> Vocabulary {
    guard let tokens = try strings("tokenizer.ggml.tokens"), let merges = try strings("tokenizer.ggml.merges") else {
      throw CheckpointError(path, "there is no vocabulary: tokenizer.ggml.tokens and merges")
    }
    return try Vocabulary(
      ggufTokens: tokens, types: types(of: tokens), merges: merges,
      preTokenizer: string("tokenizer.ggml.pre") ?? "default", beginOfText: namedToken("bos"),
      endOfText: namedToken("eos"), addsBeginOfText: bool("tokenizer.ggml.add_bos_token"),
      addsEndOfText: bool("tokenizer.ggml.add_eos_token"), source: path)
  }

  private func sentencePieceVocabulary() throws -> Vocabulary {
    guard let tokens = try strings("tokenizer.ggml.tokens"), let scores = try floats("tokenizer.ggml.scores") else {
      throw CheckpointError(path, "there is no vocabulary: tokenizer.ggml.tokens and scores")
    }
    // As llama.cpp has it, a file that names no tokens means those of Llama.
    return try Vocabulary(
      ggufTokens: tokens, scores: scores, types: types(of: tokens),
      addsSpacePrefix: bool("tokenizer.ggml.add_space_prefix"), beginOfText: namedToken("bos") ?? 1,
      endOfText: namedToken("eos") ?? 2, unknown: namedToken("unknown") ?? 0,
      addsBeginOfText: bool("tokenizer.ggml.add_bos_token"), addsEndOfText: bool("tokenizer.ggml.add_eos_token"),
      modelName: string("general.name"), source: path)
  }

  /// The numbers of the tokens' kinds; nil if there are none.
  private func types(of tokens: [String]) throws(CheckpointError) -> [Int]? {
    let key = "tokenizer.ggml.token_type"
    // Numbers of one byte take eight in memory, and so are not read before there is a token for each.
    if case .array(let elements)? = metadata[key], elements.count != tokens.count {
      throw CheckpointError(path, "\(elements.count) token types for \(tokens.count) tokens")
    }
    return try integers(key)
  }

  /// The token that the metadata names for a purpose: "bos", "eos", "unknown", "padding".
  func namedToken(_ purpose: String) throws(CheckpointError) -> Int32? {
    try integer("tokenizer.ggml.\(purpose)_token_id").flatMap { Int32(exactly: $0) }
  }

  /// The numbers of an array.
  private func floats(_ key: String) throws(CheckpointError) -> [Float]? {
    guard let value = metadata[key] else { return nil }
    guard case .array(let elements) = value else { throw CheckpointError(path, "\(key) is no array") }
    guard elements.elementType == 6 else {
      throw CheckpointError(path, "\(key) holds other things than 32-bit numbers")
    }
    var cursor = GGUFCursor(mapping: mapping, offset: elements.offset)
    var numbers: [Float] = []
    numbers.reserveCapacity(elements.count)
    for _ in 0..<elements.count { numbers.append(try cursor.fixed(Float.self, key)) }
    return numbers
  }
}
