import Templates

/// The Jinja template that a model brings, interpreted.
///
/// It gets what transformers gives it: `messages`, `add_generation_prompt`, `bos_token`, `eos_token`, and none for
/// `tools` and `documents`. `strftime_now` always gives 26 July 2024, the date that Llama's templates fall back on: a
/// record has the same prompt on every day.
public struct JinjaTemplate: ChatTemplate {
  /// The control token that follows a message of the assistant; the end-of-text token if there is none.
  public let endOfTurn: String
  /// Whether the template has no place for a system message, which therefore joins the user's.
  public let systemJoinsUser: Bool

  private let template: Template
  private let defaults: [(String, TemplateValue)]
  private let guarding: ControlTokenGuard
  private let source: String

  private static let date = TemplateDate(year: 2024, month: 7, day: 26)

  /// Parses the template and tries it on a short conversation.
  /// - Throws: `TokenizerError` for what is no Jinja or not supported, a template that refuses a simple question, or when
  ///   there is no token that ends a turn.
  public init(_ jinja: String, tokenizer: Tokenizer, source: String) throws(TokenizerError) {
    self.source = source
    do {
      template = try Template(jinja)
    } catch {
      throw TokenizerError("the chat template, \(error)", source: source)
    }
    var defaults: [(String, TemplateValue)] = [("tools", .none), ("documents", .none)]
    for (name, id) in [("bos_token", tokenizer.beginOfText), ("eos_token", tokenizer.endOfText)] {
      if let text = id.flatMap(tokenizer.name) { defaults.append((name, .string(text))) }
    }
    self.defaults = defaults
    let controls = (0..<Int32(tokenizer.vocabularySize)).filter(tokenizer.isSpecial).compactMap(tokenizer.name)
    guarding = ControlTokenGuard(controls)
    let trial = TemplateTrial { [template, defaults] messages throws(TemplateError) in
      try template.render(defaults + Self.variables(messages, addGenerationPrompt: false), now: Self.date)
    }
    let writesQuestions: Bool
    do {
      writesQuestions = try trial.writesQuestions()
    } catch {
      let hint =
        template.mentions("tools") && error.kind == .failure ? "; it may be one for tools, which are none here" : ""
      throw TokenizerError("the chat template refuses a question, \(error)\(hint)", source: source)
    }
    guard writesQuestions else {
      throw TokenizerError("the chat template leaves out a question that is plain text", source: source)
    }
    systemJoinsUser = trial.systemJoinsUser()
    guard let end = trial.endOfTurn(among: controls) ?? tokenizer.endOfText.flatMap(tokenizer.name) else {
      throw TokenizerError(
        "the chat template ends no turn with a control token, and there is no end-of-text token", source: source)
    }
    endOfTurn = end
  }

  /// Whether the template's text has a variable of this name.
  public func mentions(_ variable: String) -> Bool { template.mentions(variable) }

  /// What the template makes of the messages. Control tokens that a message spells out are no markup.
  public func render(
    _ messages: [ChatMessage], addGenerationPrompt: Bool, variables: [TemplateValue.Entry] = []
  ) throws(TokenizerError) -> [TemplatePiece] {
    var messages = systemJoinsUser ? messages.withSystemInUser : messages
    guard let mark = guarding.mark(for: messages.map(\.content)) else {
      throw TokenizerError("a message holds all noncharacters from U+FDD0 to U+FDEF", source: source)
    }
    for index in messages.indices { messages[index].content = guarding.guarded(messages[index].content, with: mark) }
    let given =
      defaults + variables.map { ($0.key, $0.value) }
      + Self.variables(messages, addGenerationPrompt: addGenerationPrompt)
    do {
      return guarding.pieces(of: try template.render(given, now: Self.date), markedWith: mark)
    } catch {
      throw TokenizerError("the chat template, \(error)", source: source)
    }
  }

  private static func variables(
    _ messages: [ChatMessage], addGenerationPrompt: Bool
  ) -> [(String, TemplateValue)] {
    let list = messages.map { message -> TemplateValue in
      .dictionary(["role": .string(message.role.rawValue), "content": .string(message.content)])
    }
    return [("messages", .list(list)), ("add_generation_prompt", .bool(addGenerationPrompt))]
  }
}

extension [ChatMessage] {
  /// The system message as the first paragraph of the first user message behind it.
  fileprivate var withSystemInUser: [ChatMessage] {
    guard let system = first, system.role == .system else { return self }
    var rest = Array(dropFirst())
    guard let user = rest.firstIndex(where: { $0.role == .user }) else { return self }
    rest[user].content = system.content + "\n\n" + rest[user].content
    return rest
  }
}
