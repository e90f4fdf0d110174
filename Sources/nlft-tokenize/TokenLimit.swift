import Records
import Tokenizers

/// A bound on prompt and response together.
struct TokenLimit {
  let count: Int
  let truncation: Truncation

  /// Holds every prompt of the record, with the longer of response and answer behind it, to the limit.
  /// - Returns: whether the record is to be kept.
  /// - Throws: `RecordError` if it is too long and nothing may be cut.
  func apply(to record: inout Record) throws -> Bool {
    let response = max(try record.tokens("output")?.count ?? 0, try record.tokens("answer")?.count ?? 0)
    for kind in PromptKind.allCases {
      guard let prompt = try record.tokens(kind.rawValue), prompt.count + response > count else { continue }
      switch truncation {
      case .drop: return false
      case .left where response < count: record.setTokens(kind.rawValue, prompt.suffix(count - response))
      case .error, .left:
        throw RecordError(
          "the \(kind.rawValue) prompt has \(prompt.count) tokens and the response \(response), expected at most \(count) together"
        )
      }
    }
    return true
  }
}
