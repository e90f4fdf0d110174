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
  /// The template's own text, in which control tokens are recognised.
  case markup(String)
  /// A user's text, in which they are not.
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
  /// What the template is called in messages: "ChatML", "Llama 3", "plain".
  var name: String { get }
  /// The text of the token that ends a turn, which a complete response ends with.
  var endOfTurn: String { get }
  /// The conversation as text.
  /// - Parameter addGenerationPrompt: opens the assistant's turn behind the last message.
  func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> [TemplatePiece]
}

/// The tokens of a conversation with the assistant's turn opened: the prompt to which a response is the continuation.
public func renderTokens(
  _ messages: [ChatMessage], template: any ChatTemplate, tokenizer: Tokenizer
) -> [Int32] {
  tokenizer.encode(template.render(messages, addGenerationPrompt: true))
}

/// ChatML: every message between `<|im_start|>role` and `<|im_end|>`.
public struct ChatMLTemplate: ChatTemplate {
  /// What stands first when a conversation has no system message of its own; nil for nothing.
  public var defaultSystem: String?

  /// A template with or without a default system message.
  public init(defaultSystem: String? = nil) {
    self.defaultSystem = defaultSystem
  }

  /// "ChatML".
  public var name: String { "ChatML" }
  /// `<|im_end|>`.
  public var endOfTurn: String { "<|im_end|>" }

  /// The messages one after another, the default system message first if the first one is another's.
  public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> [TemplatePiece] {
    var pieces: [TemplatePiece] = []
    if let defaultSystem, let first = messages.first, first.role != .system {
      pieces.append(.markup("<|im_start|>system\n\(defaultSystem)<|im_end|>\n"))
    }
    for message in messages {
      pieces.append(.markup("<|im_start|>\(message.role.rawValue)\n"))
      pieces.append(.text(message.content))
      pieces.append(.markup("<|im_end|>\n"))
    }
    if addGenerationPrompt { pieces.append(.markup("<|im_start|>assistant\n")) }
    return pieces
  }
}

/// Llama 3.0: a header before every message and `<|eot_id|>` behind it, contents without white space at their ends.
public struct Llama3Template: ChatTemplate {
  /// The token that stands before the first message.
  public var beginOfText: String
  /// Whether the assistant's turn is opened even when it is not asked for, as in the template's first edition.
  public var alwaysOpensTurn: Bool

  /// A template with the given first token.
  public init(beginOfText: String = "<|begin_of_text|>", alwaysOpensTurn: Bool = false) {
    self.beginOfText = beginOfText
    self.alwaysOpensTurn = alwaysOpensTurn
  }

  /// "Llama 3".
  public var name: String { "Llama 3" }
  /// `<|eot_id|>`.
  public var endOfTurn: String { "<|eot_id|>" }

  /// The messages one after another, trimmed.
  public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> [TemplatePiece] {
    var pieces: [TemplatePiece] = []
    for (position, message) in messages.enumerated() {
      let first = position == 0 ? beginOfText : ""
      pieces.append(.markup("\(first)<|start_header_id|>\(message.role.rawValue)<|end_header_id|>\n\n"))
      pieces.append(.text(message.content.trimmedAsPython))
      pieces.append(.markup("<|eot_id|>"))
    }
    if addGenerationPrompt || alwaysOpensTurn {
      pieces.append(.markup("<|start_header_id|>assistant<|end_header_id|>\n\n"))
    }
    return pieces
  }
}

/// For base models, which have no chat template: the system text, an empty line, the user's text and a line break.
///
/// Chosen when a model brings no template at all. A response is what the model continues with, up to its end-of-text token.
public struct PlainTemplate: ChatTemplate {
  /// The token before the text, for models that begin every text with one.
  public var beginOfText: String?
  /// The text of the model's end-of-text token.
  public var endOfTurn: String

  /// A template with the model's own first and last tokens.
  public init(beginOfText: String?, endOfText: String) {
    self.beginOfText = beginOfText
    self.endOfTurn = endOfText
  }

  /// "plain".
  public var name: String { "plain" }

  /// System texts end with an empty line, the others with a line break; nothing marks the assistant's turn.
  public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> [TemplatePiece] {
    var pieces: [TemplatePiece] = beginOfText.map { [.markup($0)] } ?? []
    for message in messages { pieces.append(.text(message.content + (message.role == .system ? "\n\n" : "\n"))) }
    return pieces
  }
}

extension String {
  /// The text without white space at either end, by the rule of Python's `str.strip`, which Jinja's `trim` calls.
  var trimmedAsPython: String {
    func isSpace(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }
    let scalars = unicodeScalars
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(scalars[first...last])
  }
}
