/// What a token is for.
public enum TokenKind: UInt8, Sendable {
  /// A piece of ordinary text, spelt in the byte alphabet.
  case normal
  /// Stands for text that the vocabulary cannot spell; treated as `control`.
  case unknown
  /// Marks up a prompt (`<|im_start|>`); recognised in markup only, never in a user's text.
  case control
  /// Added to the vocabulary as a whole (`<think>`); recognised in any text before it is split.
  case userDefined
  /// Padding of the vocabulary.
  case unused
  /// One byte of a SentencePiece vocabulary; byte-level vocabularies have none.
  case byte

  /// The kind that a number in a GGUF's `tokenizer.ggml.token_type` stands for, or nil if there is none.
  public init?(ggufNumber: Int) {
    switch ggufNumber {
    case 1: self = .normal
    case 2: self = .unknown
    case 3: self = .control
    case 4: self = .userDefined
    case 5: self = .unused
    case 6: self = .byte
    default: return nil
    }
  }
}

/// Two tokens that become one; its place in the list of merges is its rank.
public struct Merge: Sendable, Equatable {
  /// Text of the left token, in the byte alphabet.
  public var left: String
  /// Text of the right token, in the byte alphabet.
  public var right: String

  /// A merge of two token texts.
  public init(_ left: String, _ right: String) {
    self.left = left
    self.right = right
  }

  /// A merge as GGUF and older tokenizer.json files write it, `left right`; nil unless there is exactly one space.
  public init?(spaced text: String) {
    var text = text
    let halves = text.withUTF8 { bytes -> (String, String)? in
      guard let space = bytes.firstIndex(of: 0x20), space > 0, space + 1 < bytes.count else { return nil }
      let right = UnsafeBufferPointer(rebasing: bytes[(space + 1)...])
      guard !right.contains(0x20) else { return nil }
      let left = UnsafeBufferPointer(rebasing: bytes[..<space])
      return (String(decoding: left, as: UTF8.self), String(decoding: right, as: UTF8.self))
    }
    guard let (left, right) = halves else { return nil }
    self.init(left, right)
  }
}

/// Everything that defines a byte-level BPE tokenizer, as plain data: what a GGUF's metadata or a tokenizer.json holds.
public struct Vocabulary: Sendable {
  /// Where the vocabulary came from, for error messages.
  public var source: String
  /// Token texts by id: normal tokens in the GPT-2 byte alphabet, all others as they are.
  public var tokens: [String]
  /// The kind of each token, by id.
  public var kinds: [TokenKind]
  /// Merges by rank, the most urgent first.
  public var merges: [Merge]
  /// How text is cut before it is merged.
  public var splitRule: SplitRule
  /// Whether text is brought to Unicode's composed form first.
  public var normalization = Normalization.none
  /// Whether a piece that is a token as a whole is taken at once, whatever the merges would make of it.
  public var ignoreMerges = false
  /// Added tokens that are looked for in the normalised text, behind all others.
  public var tokensMatchedAfterNormalization: Set<Int32> = []
  /// The token for a byte that the vocabulary lacks; where there is none, such a byte is left out.
  public var byteFallback: Int32?
  /// The token that begins a text.
  public var beginOfText: Int32?
  /// The token that ends a text.
  public var endOfText: Int32?
  /// Whether `encode` puts `beginOfText` first when it is asked for special tokens.
  public var addsBeginOfText = false
  /// Whether `encode` puts `endOfText` last when it is asked for special tokens.
  public var addsEndOfText = false

  /// A vocabulary without begin and end tokens, normalisation and other refinements, which are set as properties.
  public init(tokens: [String], kinds: [TokenKind], merges: [Merge], splitRule: SplitRule, source: String) {
    self.tokens = tokens
    self.kinds = kinds
    self.merges = merges
    self.splitRule = splitRule
    self.source = source
  }

  /// A vocabulary from the values of a GGUF's `tokenizer.ggml.*` keys, read as llama.cpp reads them.
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
    var kinds: [TokenKind] = []
    kinds.reserveCapacity(tokens.count)
    for (id, number) in (types ?? Array(repeating: 1, count: tokens.count)).enumerated() {
      guard let kind = TokenKind(ggufNumber: number) else {
        throw TokenizerError("token \(id) has type \(number); types are 1 to 6", source: source)
      }
      kinds.append(kind)
    }
    var pairs: [Merge] = []
    pairs.reserveCapacity(merges.count)
    for (rank, text) in merges.enumerated() {
      guard let merge = Merge(spaced: text) else {
        throw TokenizerError("merge \(rank) is \(text.quotedForMessage), not two tokens and a space", source: source)
      }
      pairs.append(merge)
    }
    self.init(tokens: tokens, kinds: kinds, merges: pairs, splitRule: rule, source: source)
    self.ignoreMerges = rule == .llama3
    self.beginOfText = beginOfText
    self.endOfText = endOfText
    self.addsBeginOfText = addsBeginOfText ?? (rule == .llama3)
    self.addsEndOfText = addsEndOfText ?? false
  }
}
