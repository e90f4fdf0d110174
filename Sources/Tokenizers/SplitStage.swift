/// One stage of the `pre_tokenizer` of a tokenizer.json with byte-level tokens.
package enum SplitStage: Sendable, Equatable {
  /// `ByteLevel` without a prefix space; whether it cuts text by GPT-2's rule.
  case byteLevel(splits: Bool)
  /// `Digits`, each alone.
  case digits
  /// `Split` by a regular expression, whose matches are isolated.
  case pattern(String)
}

extension SplitRule {
  /// The stages that cut text by this rule.
  package var stages: [SplitStage] {
    let eastAsian = SplitStage.pattern("[\u{4E00}-\u{9FA5}\u{800}-\u{4E00}\u{AC00}-\u{D7FF}]+")
    return switch self {
    case .gpt2: [.byteLevel(splits: true)]
    case .smolLM: [.digits, .byteLevel(splits: true)]
    case .llama3: [.pattern(Self.llamaPattern(digits: #"\p{N}{1,3}"#)), .byteLevel(splits: false)]
    case .qwen2: [.pattern(Self.llamaPattern(digits: #"\p{N}"#)), .byteLevel(splits: false)]
    case .falcon:
      [
        .pattern(#"[\p{P}\$\+<=>\^~\|`]+"#),
        .pattern(#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#),
        .pattern("[0-9][0-9][0-9]"), .byteLevel(splits: false),
      ]
    case .deepSeekLLM:
      [
        .pattern("[\r\n]"), .pattern(#"\s?["# + CasedLetters.pattern + "]+"),
        .pattern("\\s?[!-/:-~\u{FF01}-\u{FF0F}\u{FF1A}-\u{FF5E}\u{2018}-\u{201F}\u{3000}-\u{3002}]+"),
        .pattern(#"\s+$"#), eastAsian, .digits, .byteLevel(splits: false),
      ]
    case .deepSeekCoder:
      [
        .pattern("[\r\n]"), .pattern(#"\s?\p{L}+"#), .pattern(#"\s?\p{P}+"#), eastAsian, .digits,
        .byteLevel(splits: false),
      ]
    }
  }

  /// The rule that these stages follow, or nil if it is another.
  init?(stages: [SplitStage]) {
    guard let rule = Self.allCases.first(where: { $0.stages == stages }) else { return nil }
    self = rule
  }

  private static func llamaPattern(digits: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }
}
