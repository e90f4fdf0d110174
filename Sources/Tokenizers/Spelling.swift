/// In what alphabet a vocabulary's tokens are written, and so what merging starts from.
public enum Spelling: Sendable, Equatable {
  /// Bytes, each as a visible character of GPT-2's alphabet; text is cut by the rule first.
  case bytes(SplitRule)
  /// Characters, spaces among them as U+2581, as SentencePiece has them.
  case characters(SentencePieceRules)
}

/// How a SentencePiece-style vocabulary is applied to text that is normalised and free of added tokens.
public struct SentencePieceRules: Sendable, Equatable {
  /// Which stretches of a text get a space in front, unless they begin with one (`prepend_scheme` of `Metaspace`).
  public enum Prefix: String, Sendable {
    /// None.
    case never
    /// The one at the very start.
    case first
    /// All: at the start and behind each added token.
    case always
  }

  /// Whether spaces become U+2581 only now, behind the added tokens that are matched in normalised text (`Metaspace`).
  public var marksSpaces = false
  /// The space in front that `Metaspace` puts.
  public var prefix = Prefix.never
  /// Whether each U+2581 begins a piece of its own, so that no token spans two words.
  public var splitsWords = false
  /// Scores by token id: the pair with the highest score is merged first. Nil where the vocabulary lists its merges.
  public var scores: [Float]?
  /// Whether a character without a token becomes the tokens of its bytes, `<0x00>` to `<0xFF>`.
  public var fallsBackToBytes = true
  /// Whether neighbouring characters without tokens become one unknown token.
  public var fusesUnknown = false
  /// Whether decoding a text from its start leaves out one space in front, where encoding puts one.
  public var stripsPrefix = false

  /// The rules of a vocabulary with byte fallback and neither `Metaspace` nor scores.
  public init() {}
}
