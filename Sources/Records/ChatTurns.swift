/// A conversation that a record has a place for: at most a system turn, one user turn, and at most one assistant turn.
struct ChatTurns {
  private(set) var system: String?
  private(set) var user: String
  private(set) var assistant: String?

  /// A conversation of one user turn.
  init(user: String) { self.user = user }

  /// Reads a list of messages, each with `role` and `content` or, as ShareGPT has them, `from` and `value`.
  /// - Parameter field: The field's name in messages.
  /// - Throws: `RecordError` if it is something else or has other turns: they would be lost.
  init(_ value: JSON, field: String) throws(RecordError) {
    let messages = try Self.messages(value, field: field)
    var turns = messages[...]
    if let first = turns.first, first.role == .system {
      system = first.text
      turns.removeFirst()
    }
    guard let asked = turns.popFirst(), asked.role == .user else {
      throw Self.failure(field, messages)
    }
    user = asked.text
    if let answered = turns.popFirst() {
      guard answered.role == .assistant, turns.isEmpty else { throw Self.failure(field, messages) }
      assistant = answered.text
    }
  }

  /// The text of a list that is one assistant message.
  static func answer(_ value: JSON, field: String) throws(RecordError) -> String {
    let messages = try messages(value, field: field, expected: "a string or an array of messages")
    guard messages.count == 1, messages[0].role == .assistant else {
      throw RecordError("field \"\(field)\": found \(words(messages)), expected one assistant turn")
    }
    return messages[0].text
  }

  private static func failure(_ field: String, _ messages: [Message]) -> RecordError {
    RecordError(
      "field \"\(field)\": found \(words(messages)), expected a user and an assistant turn, a system turn before them or not: a record has no place for other turns"
    )
  }

  /// The roles that were found: "user, assistant, user, …".
  private static func words(_ messages: [Message]) -> String {
    let shown = 4
    if messages.isEmpty { return "no turns" }
    return "the turns " + messages.prefix(shown).map(\.role.rawValue).joined(separator: ", ")
      + (messages.count > shown ? ", … (\(messages.count) in all)" : "")
  }

  // MARK: Messages

  private enum Role: String {
    case system, user, assistant

    /// The names in use: those of chat templates, OpenAI's newer name of the system turn, and ShareGPT's.
    init?(name: String) {
      switch name {
      case "system", "developer": self = .system
      case "user", "human": self = .user
      case "assistant", "gpt": self = .assistant
      default: return nil
      }
    }
  }

  private struct Message {
    var role: Role
    var text: String
  }

  private static func messages(
    _ value: JSON, field: String, expected: String = "an array of messages"
  ) throws(RecordError) -> [Message] {
    guard let values = value.array else { throw RecordError(field: field, found: value.kind, expected: expected) }
    var messages: [Message] = []
    for (position, value) in values.enumerated() {
      messages.append(try message(value, path: "\(field)[\(position)]"))
    }
    return messages
  }

  private static func message(_ value: JSON, path: String) throws(RecordError) -> Message {
    guard value.members != nil else { throw RecordError(field: path, found: value.kind, expected: "a message") }
    guard let name = value["role"] ?? value["from"] else { throw RecordError(missing: path + ".role") }
    guard let role = name.string.flatMap({ Role(name: $0) }) else {
      let found = name.string.map { JSON.string(String($0.prefix(40))).text } ?? name.kind
      throw RecordError(field: path + ".role", found: found, expected: "system, user or assistant")
    }
    // What a chat template would show beside the text has no place in a record.
    for other in ["tool_calls", "function_call", "reasoning_content", "thinking"] {
      switch value[other] {
      case nil, .null, .array([]), .string(""): continue
      case let found?: throw RecordError(field: "\(path).\(other)", found: found.kind, expected: "none")
      }
    }
    guard let content = value["content"] ?? value["value"] else { throw RecordError(missing: path + ".content") }
    return Message(role: role, text: try text(content, path: path + ".content"))
  }

  /// A string, or the text of all parts one behind the other.
  private static func text(_ content: JSON, path: String) throws(RecordError) -> String {
    if let text = content.string { return text }
    guard let parts = content.array else {
      throw RecordError(field: path, found: content.kind, expected: "a string or an array of text parts")
    }
    var text = ""
    for (position, part) in parts.enumerated() {
      guard part["type"]?.string == "text", let piece = part["text"]?.string else {
        let type = part["type"]?.string.map { "type " + JSON.string(String($0.prefix(40))).text }
        throw RecordError(field: "\(path)[\(position)]", found: type ?? part.kind, expected: "a part of type \"text\"")
      }
      text += piece
    }
    return text
  }
}
