import Templates

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

  /// No variable changes anything.
  public func mentions(_ variable: String) -> Bool { false }

  /// System texts end with an empty line, the others with a line break; nothing marks the assistant's turn.
  public func render(
    _ messages: [ChatMessage], addGenerationPrompt: Bool, variables: [TemplateValue.Entry] = []
  ) -> [TemplatePiece] {
    var pieces: [TemplatePiece] = beginOfText.map { [.markup($0)] } ?? []
    for message in messages { pieces.append(.text(message.content + (message.role == .system ? "\n\n" : "\n"))) }
    return pieces
  }
}
