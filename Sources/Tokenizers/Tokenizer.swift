/// Byte-pair encoding, over bytes as GPT-2, SmolLM2, Llama 3 and Qwen 2 use it, or over characters as SentencePiece,
/// Llama 2 and Gemma do: text to token ids and back.
public struct Tokenizer: Sendable {
  /// Where the vocabulary came from.
  public let source: String
  /// Number of tokens; ids are 0 ..< `vocabularySize`.
  public let vocabularySize: Int
  /// The token that begins a text, if the model has one.
  public let beginOfText: Int32?
  /// The token that ends a text, if the model has one.
  public let endOfText: Int32?
  /// The alphabet of the tokens and how text is cut before it is merged.
  public let spelling: Spelling
  /// What happens to text before it is split.
  public let normalization: Normalization
  /// Bytes that no token stands for, ascending. They are left out of the encoding where `Vocabulary.unknownToken` is nil.
  public let bytesWithoutToken: [UInt8]
  /// FNV-1a (64 bits, hexadecimal) over tokens, kinds, merges or scores, added tokens' flags and the stages before.
  public let fingerprint: String
  /// Tokens that `encode` puts first when it is asked for special tokens.
  public let prefix: [Int32]
  /// Tokens that `encode` puts last when it is asked for special tokens.
  public let suffix: [Int32]

  let table: TokenTable
  let kinds: [TokenKind]
  /// Whether each token is one that the stretches of text end at.
  let isAdded: [Bool]
  let merges: MergeTable
  /// What merging characters needs, if the tokens are spelt in characters.
  let characters: CharacterTables?
  /// The token of each byte, or -1.
  let byteTokens: [Int32]
  let unknownToken: Int32?
  let ignoreMerges: Bool
  let addedTokens: AddedTokens
  let addedTokensAfterNormalization: AddedTokens
  let workspace = EncodingWorkspace()
  /// The bytes that each token stands for, end to end.
  let content: [UInt8]
  let contentEnds: [Int]

  /// Builds the tables of a vocabulary.
  /// - Throws: `TokenizerError` for a token or merge that stands twice, a merge of unknown tokens, an id out of range,
  ///   or a kind of token that the spelling does not have.
  public init(vocabulary: Vocabulary) throws(TokenizerError) {
    source = vocabulary.source
    vocabularySize = vocabulary.tokens.count
    spelling = vocabulary.spelling
    normalization = vocabulary.normalization
    ignoreMerges = vocabulary.ignoreMerges
    unknownToken = vocabulary.unknownToken
    kinds = vocabulary.kinds
    isAdded = vocabulary.kinds.indices.map { id in
      // Behind a token that is matched in normalised text, normalisation has not begun anew.
      vocabulary.isAdded(id)
        && !(vocabulary.normalization.prependsSpace && vocabulary.addedTokenRules[Int32(id)]?.isNormalized == true)
    }
    beginOfText = vocabulary.beginOfText
    endOfText = vocabulary.endOfText
    try vocabulary.checkIdentifiers()
    prefix = vocabulary.addsBeginOfText ? vocabulary.beginOfText.map { [$0] } ?? [] : []
    suffix = vocabulary.addsEndOfText ? vocabulary.endOfText.map { [$0] } ?? [] : []
    let table = try vocabulary.tokenTable()
    self.table = table
    merges = try vocabulary.mergeTable(table)
    characters = CharacterTables(vocabulary, table)
    let found = vocabulary.byteTokens(table)
    bytesWithoutToken = (UInt8.min...UInt8.max).filter { found[Int($0)] < 0 }
    byteTokens = found.map { $0 < 0 ? vocabulary.unknownToken ?? -1 : $0 }
    (addedTokens, addedTokensAfterNormalization) = vocabulary.addedTokens()
    (content, contentEnds) = vocabulary.content()
    fingerprint = vocabulary.fingerprint()
  }

  // MARK: Tokens

  /// The token whose text, as the vocabulary spells it, is `name`: `<|im_end|>`, `Ġthe`.
  public func token(named name: String) -> Int32? { table.id(of: Array(name.utf8)) }

  /// The text of a token as the vocabulary spells it, or nil if the id is outside the vocabulary.
  public func name(of token: Int32) -> String? {
    contains(token) ? String(decoding: table[token], as: UTF8.self) : nil
  }

  /// Whether the id is within the vocabulary.
  public func contains(_ token: Int32) -> Bool { token >= 0 && Int(token) < vocabularySize }

  /// Whether the token marks up a prompt and is no part of a text.
  public func isSpecial(_ token: Int32) -> Bool {
    contains(token) && (kinds[Int(token)] == .control || kinds[Int(token)] == .unknown)
  }
}
