/// What a token is for.
public enum TokenKind: UInt8, Sendable {
  /// A piece of ordinary text, spelt in the vocabulary's alphabet.
  case normal
  /// Stands for text that the vocabulary cannot spell; treated as `control`.
  case unknown
  /// Marks up a prompt (`<|im_start|>`); recognised in markup only, never in a user's text.
  case control
  /// Added to the vocabulary as a whole (`<think>`); recognised in any text before it is split.
  case userDefined
  /// Padding of the vocabulary.
  case unused
  /// One byte of a SentencePiece vocabulary, `<0x0A>`; byte-level vocabularies have none.
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
  /// Text of the left token, as the vocabulary spells it.
  public var left: String
  /// Text of the right token, as the vocabulary spells it.
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

/// Everything that defines a BPE tokenizer, as plain data: what a GGUF's metadata or a tokenizer.json holds.
public struct Vocabulary: Sendable {
  /// Where the vocabulary came from, for error messages.
  public var source: String
  /// Token texts by id: normal tokens in the alphabet that `spelling` says, all others as they are.
  public var tokens: [String]
  /// The kind of each token, by id.
  public var kinds: [TokenKind]
  /// Merges by rank, the most urgent first; none where tokens have scores.
  public var merges: [Merge]
  /// The alphabet of the tokens and how text is cut before it is merged.
  public var spelling: Spelling
  /// What happens to text first.
  public var normalization = Normalization.none
  /// Whether a piece that is a token as a whole is taken at once, whatever the merges would make of it.
  public var ignoreMerges = false
  /// How added tokens are looked for, where it is not plainly by their text.
  public var addedTokenRules: [Int32: AddedTokenRule] = [:]
  /// The token for a byte (of a byte-level vocabulary) or a character that the vocabulary lacks; where there is none,
  /// it is left out.
  public var unknownToken: Int32?
  /// The token that begins a text.
  public var beginOfText: Int32?
  /// The token that ends a text.
  public var endOfText: Int32?
  /// Whether `encode` puts `beginOfText` first when it is asked for special tokens.
  public var addsBeginOfText = false
  /// Whether `encode` puts `endOfText` last when it is asked for special tokens.
  public var addsEndOfText = false

  /// A vocabulary without begin and end tokens, normalisation and other refinements, which are set as properties.
  public init(tokens: [String], kinds: [TokenKind], merges: [Merge], spelling: Spelling, source: String) {
    self.tokens = tokens
    self.kinds = kinds
    self.merges = merges
    self.spelling = spelling
    self.source = source
  }

  /// A byte-level vocabulary.
  public init(tokens: [String], kinds: [TokenKind], merges: [Merge], splitRule: SplitRule, source: String) {
    self.init(tokens: tokens, kinds: kinds, merges: merges, spelling: .bytes(splitRule), source: source)
  }
}
