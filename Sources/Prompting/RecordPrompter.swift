import Checkpoints
import Records
import Tokenizers

/// The token sequences of records: as they carry them, or rendered from their fields.
public struct RecordPrompter: Sendable {
  /// The model's tokenizer and chat template.
  public let model: ModelTokenizer
  /// The texts of the prompts.
  public let prompts: PromptSet
  /// Where responses stand: whether the tokenizer puts a space before them depends on what the prompt ends with.
  private let responsePosition: TextPosition

  /// A prompter.
  /// - Throws: `TokenizerError` if the prompts set a variable that the model's chat template does not have, or one with
  ///   which it refuses a question.
  public init(model: ModelTokenizer, prompts: PromptSet) throws(TokenizerError) {
    for variable in prompts.templateVariables where !model.template.mentions(variable.key) {
      throw TokenizerError(
        "the chat template has no variable \(variable.key), which the prompts set", source: model.tokenizer.source)
    }
    self.model = model
    self.prompts = prompts
    // Every prompt ends with the same opening of the assistant's turn.
    responsePosition = model.tokenizer.position(
      after: try model.template.promptTokens(
        [ChatMessage(role: .user, content: "?")], variables: prompts.templateVariables, tokenizer: model.tokenizer))
  }

  /// The fields of a record that prompts are filled with.
  /// - Throws: `RecordError` for a field of the wrong type.
  public static func fields(of record: Record) throws(RecordError) -> PromptFields {
    PromptFields(
      instruction: try record.optionalString("instruction"), question: try record.question(),
      answer: try record.optionalString("answer"), judgment: try record.optionalString("judgment"),
      output: try record.optionalString("output"))
  }

  /// A prompt's tokens: `tokens.KIND` where the record carries them, else rendered from its fields.
  /// - Returns: nil if the record lacks a field that the prompt needs.
  /// - Throws: `RecordError` for a field of the wrong type or empty tokens.
  public func prompt(_ kind: PromptKind, of record: Record) throws -> [Int32]? {
    try prompt(kind, of: record, Self.fields(of: record))
  }

  private func prompt(
    _ kind: PromptKind, of record: Record, _ fields: @autoclosure () throws -> PromptFields
  ) throws -> [Int32]? {
    if let tokens = try record.tokens(kind.rawValue) {
      guard !tokens.isEmpty else { throw RecordError("field \"tokens.\(kind.rawValue)\": found no tokens") }
      return tokens
    }
    let fields = try fields()
    guard prompts.requiredFields(kind).allSatisfy({ fields[$0] != nil }) else { return nil }
    return try rendered(kind, fields)
  }

  /// A prompt's tokens, which the record must have or have the fields for.
  /// - Throws: `PromptError` or `RecordError` naming what is missing.
  public func requiredPrompt(_ kind: PromptKind, of record: Record) throws -> [Int32] {
    if let tokens = try prompt(kind, of: record) { return tokens }
    return try rendered(kind, Self.fields(of: record))
  }

  private func rendered(_ kind: PromptKind, _ fields: PromptFields) throws -> [Int32] {
    try model.template.promptTokens(
      try prompts.messages(kind, fields: fields), variables: prompts.templateVariables, tokenizer: model.tokenizer)
  }

  /// The response's tokens: `tokens.output`, else `output` and the end-of-turn token unless `finish` is `"length"`.
  /// - Returns: nil if the record has no response.
  /// - Throws: `RecordError` for a field of the wrong type or a response without tokens.
  public func response(of record: Record) throws -> [Int32]? {
    if let tokens = try record.tokens("output") {
      guard !tokens.isEmpty else { throw RecordError("field \"tokens.output\": found no tokens") }
      return tokens
    }
    guard let output = try record.optionalString("output") else { return nil }
    let isCut = try record.optionalString("finish") == "length"
    let tokens = responseTokens(output, isComplete: !isCut)
    guard !tokens.isEmpty else { throw RecordError("field \"output\": found an empty response that was cut short") }
    return tokens
  }

  /// The standard answer as a response: `tokens.answer`, else `answer` and the end-of-turn token.
  /// - Returns: nil if the record has no answer.
  /// - Throws: `RecordError` for a field of the wrong type.
  public func answer(of record: Record) throws -> [Int32]? {
    if let tokens = try record.tokens("answer") { return tokens }
    return try record.optionalString("answer").map { responseTokens($0, isComplete: true) }
  }

  private func responseTokens(_ text: String, isComplete: Bool) -> [Int32] {
    model.tokenizer.encode(text, parseSpecial: false, at: responsePosition) + (isComplete ? [model.endOfTurn] : [])
  }

  /// The text of response tokens, without the tokens that end turns.
  public func text(of tokens: [Int32]) -> String {
    model.tokenizer.decode(tokens, skipSpecial: true, at: responsePosition)
  }

  /// Adds the tokens of every prompt whose fields the record has, and of its response and answer; what it carries stays.
  /// - Throws: `RecordError` for a field of the wrong type, or a record with nothing to tokenise.
  public func addTokens(to record: inout Record) throws {
    var parts: [(part: String, ids: [Int32])] = []
    var known: PromptFields?
    func fields() throws -> PromptFields {
      let fields = try known ?? Self.fields(of: record)
      known = fields
      return fields
    }
    for kind in [PromptKind.base, .standard, .judge] {
      if let tokens = try prompt(kind, of: record, fields()) { parts.append((kind.rawValue, tokens)) }
    }
    if let tokens = try response(of: record) { parts.append(("output", tokens)) }
    if let tokens = try answer(of: record) { parts.append(("answer", tokens)) }
    guard parts.contains(where: { $0.part == PromptKind.base.rawValue }) else { throw RecordError(missing: "question") }
    record.setTokens(parts)
  }
}
