/// Where a text stands in the whole that the model sees, which decides about the space that some SentencePiece
/// vocabularies put in front of it. Byte-level vocabularies have no such rule.
///
/// Where a tokenizer.json is read, its stages decide (`Prepend`: at the start and behind each added token that is matched
/// in the text as it is; `Metaspace`: by its `prepend_scheme`). For a GGUF file it is as llama.cpp has it: with
/// `add_space_prefix` a space goes before each stretch at the start and behind each added token, even if the stretch
/// begins with one.
public enum TextPosition: Sendable, Equatable {
  /// It begins the whole.
  case start
  /// It stands directly behind a token that is matched as a whole, such as `<s>` or `<|assistant|>`.
  case behindAddedToken
  /// It goes on with a text.
  case withinText
}

extension Tokenizer {
  /// Where a text stands that follows these tokens: a response behind its prompt.
  public func position(after tokens: [Int32]) -> TextPosition {
    guard let last = tokens.last else { return .start }
    return contains(last) && isAdded[Int(last)] ? .behindAddedToken : .withinText
  }

  /// Whether encoding puts a space before a text at this place.
  public func addsPrefixSpace(at position: TextPosition) -> Bool {
    if position == .withinText { return false }
    if normalization.prependsSpace { return true }
    guard case .characters(let rules) = spelling else { return false }
    switch rules.prefix {
    case .never: return false
    case .first: return position == .start
    case .always: return true
    }
  }
}
