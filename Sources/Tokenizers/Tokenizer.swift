/// Byte-level byte-pair encoding as GPT-2, SmolLM2, Llama 3 and Qwen 2 use it: text to token ids and back.
public struct Tokenizer: Sendable {
  /// Where the vocabulary came from.
  public let source: String
  /// Number of tokens; ids are 0 ..< `vocabularySize`.
  public let vocabularySize: Int
  /// The token that begins a text, if the model has one.
  public let beginOfText: Int32?
  /// The token that ends a text, if the model has one.
  public let endOfText: Int32?
  /// How text is cut before it is merged.
  public let splitRule: SplitRule
  /// What happens to text before it is split.
  public let normalization: Normalization
  /// Bytes that no token stands for, ascending. They are left out of the encoding where `Vocabulary.byteFallback` is nil.
  public let bytesWithoutToken: [UInt8]
  /// FNV-1a (64 bits, hexadecimal) over tokens, kinds, merges, split rule and normalisation.
  public let fingerprint: String
  /// Tokens that `encode` puts first when it is asked for special tokens.
  public let prefix: [Int32]
  /// Tokens that `encode` puts last when it is asked for special tokens.
  public let suffix: [Int32]

  let table: TokenTable
  let kinds: [TokenKind]
  let merges: MergeTable
  /// The token of each byte, or -1.
  let byteTokens: [Int32]
  let ignoreMerges: Bool
  let addedTokens: AddedTokens
  let addedTokensAfterNormalization: AddedTokens
  let workspace = EncodingWorkspace()
  /// The bytes that each token stands for, end to end.
  private let content: [UInt8]
  private let contentEnds: [Int]

  /// Builds the tables of a vocabulary.
  /// - Throws: `TokenizerError` for a token or merge that stands twice, a merge of unknown tokens, an id out of range,
  ///   or a kind of token that byte-level BPE does not have.
  public init(vocabulary: Vocabulary) throws(TokenizerError) {
    source = vocabulary.source
    vocabularySize = vocabulary.tokens.count
    splitRule = vocabulary.splitRule
    normalization = vocabulary.normalization
    ignoreMerges = vocabulary.ignoreMerges
    kinds = vocabulary.kinds
    beginOfText = vocabulary.beginOfText
    endOfText = vocabulary.endOfText
    try vocabulary.checkIdentifiers()
    prefix = vocabulary.addsBeginOfText ? vocabulary.beginOfText.map { [$0] } ?? [] : []
    suffix = vocabulary.addsEndOfText ? vocabulary.endOfText.map { [$0] } ?? [] : []
    let table = try vocabulary.tokenTable()
    self.table = table
    merges = try vocabulary.mergeTable(table)
    let kinds = kinds
    let byteTokens = ByteAlphabet.spellings.map { spelling in
      table.id(of: spelling).flatMap { kinds[Int($0)] == .normal ? $0 : nil } ?? -1
    }
    bytesWithoutToken = (UInt8.min...UInt8.max).filter { byteTokens[Int($0)] < 0 }
    self.byteTokens = byteTokens.map { $0 < 0 ? vocabulary.byteFallback ?? -1 : $0 }
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

  // MARK: Decoding

  /// The bytes that a token stands for; they need not be UTF-8 by themselves.
  ///
  /// An id outside the vocabulary gives U+FFFD, so that it shows.
  public func bytes(of token: Int32) -> [UInt8] { Array(slice(of: token)) }

  private static let replacement: ArraySlice<UInt8> = [0xEF, 0xBF, 0xBD]

  private func slice(of token: Int32) -> ArraySlice<UInt8> {
    guard contains(token) else { return Self.replacement }
    return content[(token == 0 ? 0 : contentEnds[Int(token) - 1])..<contentEnds[Int(token)]]
  }

  /// The text that tokens stand for; bytes that are not UTF-8 become U+FFFD.
  /// - Parameter skipSpecial: leaves out the tokens that mark up a prompt.
  public func decode(_ tokens: [Int32], skipSpecial: Bool) -> String {
    var bytes: [UInt8] = []
    for token in tokens where !(skipSpecial && isSpecial(token)) { bytes.append(contentsOf: slice(of: token)) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
