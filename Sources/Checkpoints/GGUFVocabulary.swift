import Tokenizers

extension GGUFFile {
  /// The vocabulary in the metadata.
  /// - Throws: `CheckpointError` or `TokenizerError` naming what is missing or not supported.
  func vocabulary() throws -> Vocabulary {
    let model = try string("tokenizer.ggml.model") ?? "none"
    guard model == "gpt2" else {
      throw CheckpointError(path, "the tokenizer is of kind \"\(model)\", expected \"gpt2\" (byte-level BPE)")
    }
    guard let tokens = try strings("tokenizer.ggml.tokens"), let merges = try strings("tokenizer.ggml.merges") else {
      throw CheckpointError(path, "there is no vocabulary: tokenizer.ggml.tokens and merges")
    }
    return try Vocabulary(
      ggufTokens: tokens, types: integers("tokenizer.ggml.token_type"), merges: merges,
      preTokenizer: string("tokenizer.ggml.pre") ?? "default", beginOfText: namedToken("bos"),
      endOfText: namedToken("eos"), addsBeginOfText: bool("tokenizer.ggml.add_bos_token"),
      addsEndOfText: bool("tokenizer.ggml.add_eos_token"), source: path)
  }

  /// The token that the metadata names for a purpose: "bos", "eos", "unknown", "padding".
  func namedToken(_ purpose: String) throws(CheckpointError) -> Int32? {
    try integer("tokenizer.ggml.\(purpose)_token_id").flatMap { Int32(exactly: $0) }
  }
}
