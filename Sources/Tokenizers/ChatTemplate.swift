import Templates

/// One message of a conversation.
public struct ChatMessage: Sendable, Equatable {
  /// Who speaks.
  public enum Role: String, Sendable {
    /// Instructions that hold for the whole conversation.
    case system
    /// The one who asks.
    case user
    /// The model.
    case assistant
  }

  /// Who speaks.
  public var role: Role
  /// What is said, as plain text.
  public var content: String

  /// A message of `role`.
  public init(role: Role, content: String) {
    self.role = role
    self.content = content
  }
}

/// A part of a rendered prompt.
public enum TemplatePiece: Sendable, Equatable {
  /// Text in which control tokens are recognised.
  case markup(String)
  /// Text in which they are not.
  case text(String)

  /// The text, whatever its kind.
  public var string: String {
    switch self {
    case .markup(let text), .text(let text): text
    }
  }
}

/// How a model wants a conversation written.
public protocol ChatTemplate: Sendable {
  /// The text of the token that ends a turn, which a complete response ends with.
  var endOfTurn: String { get }
  /// Whether a variable of this name can change what is rendered.
  func mentions(_ variable: String) -> Bool
  /// The conversation as text.
  /// - Parameters:
  ///   - addGenerationPrompt: opens the assistant's turn behind the last message.
  ///   - variables: settings of the template's own, such as `enable_thinking`.
  /// - Throws: `TokenizerError` if the template cannot write such a conversation.
  func render(
    _ messages: [ChatMessage], addGenerationPrompt: Bool, variables: [TemplateValue.Entry]
  ) throws(TokenizerError) -> [TemplatePiece]
}

extension ChatTemplate {
  /// The tokens of a conversation with the assistant's turn opened: the prompt to which a response is the continuation.
  /// - Throws: as `render`.
  public func promptTokens(
    _ messages: [ChatMessage], variables: [TemplateValue.Entry] = [], tokenizer: Tokenizer
  ) throws(TokenizerError) -> [Int32] {
    tokenizer.encode(try render(messages, addGenerationPrompt: true, variables: variables))
  }
}

/// The chat template of a model.
/// - Parameters:
///   - jinja: `chat_template` of tokenizer_config.json or `tokenizer.chat_template` of a GGUF;
///     nil for a base model, which gets the plain template.
///   - source: the file that the text came from, for messages.
/// - Throws: `TokenizerError` for a template that cannot be interpreted or refuses a simple question, or when there is
///   no token that ends a turn.
public func chatTemplate(
  jinja: String?, tokenizer: Tokenizer, source: String
) throws(TokenizerError) -> any ChatTemplate {
  if let jinja { return try JinjaTemplate(jinja, tokenizer: tokenizer, source: source) }
  guard let end = tokenizer.endOfText, let text = tokenizer.name(of: end) else {
    throw TokenizerError("there is neither a chat template nor an end-of-text token", source: source)
  }
  return PlainTemplate(beginOfText: tokenizer.prefix.first.flatMap(tokenizer.name), endOfText: text)
}
