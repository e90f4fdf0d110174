import Checkpoints

/// A line that ends a response: whatever follows it is not wanted.
struct LastLine {
  private let beginning: [UInt8]
  private let model: ModelTokenizer

  /// The line that begins with a text.
  init(beginning: String, model: ModelTokenizer) {
    self.beginning = Array(beginning.utf8)
    self.model = model
  }

  /// The whole response, its end-of-turn token included, if the last token has broken the line that is to be the last.
  func completed(_ tokens: [Int32]) -> [Int32]? {
    guard let last = tokens.last, model.tokenizer.bytes(of: last).contains(0x0A) else { return nil }
    let response = tokens.dropLast()
    let bytes = response.flatMap { model.tokenizer.bytes(of: $0) }
    guard let line = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).last,
      line.starts(with: beginning)
    else { return nil }
    return response + [model.endOfTurn]
  }
}
