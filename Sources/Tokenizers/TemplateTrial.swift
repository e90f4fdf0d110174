import Templates

/// What a template says about itself when it is tried on a short conversation.
struct TemplateTrial {
  private let render: ([ChatMessage]) throws(TemplateError) -> String

  private static let question = ChatMessage(role: .user, content: "Question7")
  private static let response = ChatMessage(role: .assistant, content: "Response7")
  private static let system = ChatMessage(role: .system, content: "System7")

  /// A trial of what renders a conversation without opening the assistant's turn.
  init(_ render: @escaping ([ChatMessage]) throws(TemplateError) -> String) {
    self.render = render
  }

  /// Whether the template writes a question down.
  /// - Throws: `TemplateError` if it refuses one.
  func writesQuestions() throws(TemplateError) -> Bool {
    try render([Self.question]).holds(Self.question.content)
  }

  /// Whether a system message is refused or left out.
  func systemJoinsUser() -> Bool {
    guard let text = try? render([Self.system, Self.question]) else { return true }
    return !text.holds(Self.system.content)
  }

  /// The control token that stands first behind a message of the assistant, white space aside.
  func endOfTurn(among controls: [String]) -> String? {
    guard let text = try? render([Self.question, Self.response]) else { return nil }
    let bytes = Array(text.utf8)
    let response = Array(Self.response.content.utf8)
    guard bytes.count >= response.count,
      let start = (0...bytes.count - response.count).last(where: {
        bytes[$0..<$0 + response.count].elementsEqual(response)
      })
    else { return nil }
    let rest = bytes[(start + response.count)...].drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    return controls.filter { !$0.isEmpty && rest.starts(with: $0.utf8) }.max { $0.utf8.count < $1.utf8.count }
  }
}

extension String {
  /// Whether the bytes of `part` stand somewhere in the text.
  fileprivate func holds(_ part: String) -> Bool {
    let text = Array(utf8)
    let part = Array(part.utf8)
    return text.count >= part.count
      && (0...text.count - part.count).contains { text[$0..<$0 + part.count].elementsEqual(part) }
  }
}
