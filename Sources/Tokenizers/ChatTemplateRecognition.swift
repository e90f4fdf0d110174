/// The chat template of a model, told by the Jinja text that the model brings.
///
/// Templates are not executed: one that does what ChatML or Llama 3.0 does, however it is spelt, is rendered by
/// `ChatMLTemplate` or `Llama3Template`, and any other is refused.
/// - Parameters:
///   - jinja: `chat_template` of tokenizer_config.json or `tokenizer.chat_template` of a GGUF;
///     nil for a base model, which gets the plain template.
///   - source: the file that the text came from, for messages.
/// - Throws: `TokenizerError` for an unknown template, or when the tokenizer lacks a token that the template needs.
public func chatTemplate(
  jinja: String?, tokenizer: Tokenizer, source: String
) throws(TokenizerError) -> any ChatTemplate {
  guard let jinja else {
    guard let end = tokenizer.endOfText, let text = tokenizer.name(of: end) else {
      throw TokenizerError("there is neither a chat template nor an end-of-text token", source: source)
    }
    return PlainTemplate(beginOfText: tokenizer.prefix.first.flatMap(tokenizer.name), endOfText: text)
  }
  guard let operations = JinjaText(jinja)?.operations else {
    throw TokenizerError("the chat template has a tag that is never closed", source: source)
  }
  var reader = OperationReader(operations: operations)
  if let template = reader.chatML() {
    try checkTokens(["<|im_start|>", "<|im_end|>"], of: template, tokenizer, source)
    return template
  }
  reader = OperationReader(operations: operations)
  if var template = reader.llama3() {
    if let begin = tokenizer.beginOfText.flatMap(tokenizer.name) { template.beginOfText = begin }
    let markers = [template.beginOfText, "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    try checkTokens(markers, of: template, tokenizer, source)
    return template
  }
  throw TokenizerError(refusal(of: jinja), source: source)
}

private func checkTokens(
  _ names: [String], of template: any ChatTemplate, _ tokenizer: Tokenizer, _ source: String
) throws(TokenizerError) {
  for name in names {
    guard let token = tokenizer.token(named: name), tokenizer.isSpecial(token) else {
      throw TokenizerError(
        "the \(template.name) template needs \(name), which is no control token here", source: source)
    }
  }
}

/// Says what an unknown template seems to be.
private func refusal(of jinja: String) -> String {
  let known = "supported are ChatML and Llama 3.0"
  func has(_ mark: String) -> Bool { jinja.contains(utf8Of: mark) }
  if has("<|start_header_id|>"), has("Today Date: ") {
    return "the chat template is Llama 3.1's or later, which writes dates into the prompt; \(known)"
  }
  if has("<|start_header_id|>") { return "the chat template is a variant of Llama 3's; \(known)" }
  if has("<|im_start|>") {
    return "the chat template does more than plain ChatML (tools, thinking or the like); \(known)"
  }
  if has("[INST]") { return "the chat template is Mistral's or Llama 2's; \(known)" }
  if has("<start_of_turn>") { return "the chat template is Gemma's; \(known)" }
  return "the chat template is unknown, \(jinja.quotedForMessage); \(known)"
}

extension String {
  /// Whether the bytes of `mark` stand somewhere in the text.
  fileprivate func contains(utf8Of mark: String) -> Bool {
    let text = Array(utf8)
    let mark = Array(mark.utf8)
    return text.count >= mark.count
      && (0...text.count - mark.count).contains { text[$0..<$0 + mark.count].elementsEqual(mark) }
  }
}

/// Reads the operations of a template one after another.
private struct OperationReader {
  var operations: [JinjaText.Operation]
  var index = 0

  var isAtEnd: Bool { index == operations.count }

  mutating func take(_ expected: JinjaText.Operation...) -> Bool {
    guard index + expected.count <= operations.count,
      operations[index..<index + expected.count].elementsEqual(expected)
    else { return false }
    index += expected.count
    return true
  }

  private static let notFirstSystem: [JinjaText.Operation] = [
    .statement("if loop [ 'first' ] and messages [ 0 ] [ 'role' ] ! = 'system'"),
    .statement("if messages [ 0 ] [ 'role' ] ! = 'system' and loop [ 'first' ]"),
  ]

  /// `add_generation_prompt` is given a value where the caller gives none: every caller here gives one.
  private mutating func skipGenerationDefault() {
    _ = take(
      .statement("if not add_generation_prompt is defined"), .statement("set add_generation_prompt = false"),
      .statement("endif"))
  }

  mutating func chatML() -> ChatMLTemplate? {
    skipGenerationDefault()
    guard take(.statement("for message in messages")) else { return nil }
    var template = ChatMLTemplate()
    if Self.notFirstSystem.contains(where: { take($0) }) {
      guard index < operations.count, case .literal(let text) = operations[index] else { return nil }
      let opening = "<|im_start|>system\n"
      let closing = "<|im_end|>\n"
      guard text.hasPrefix(opening), text.hasSuffix(closing) else { return nil }
      let system = String(text.dropFirst(opening.count).dropLast(closing.count))
      index += 1
      guard !system.contains("<|"), take(.statement("endif")) else { return nil }
      template.defaultSystem = system
    }
    let body: [JinjaText.Operation] = [
      .literal("<|im_start|>"), .expression("message [ 'role' ]"), .literal("\n"),
      .expression("message [ 'content' ]"), .literal("<|im_end|>\n"), .statement("endfor"),
      .statement("if add_generation_prompt"), .literal("<|im_start|>assistant\n"), .statement("endif"),
    ]
    return body.allSatisfy { take($0) } && isAtEnd ? template : nil
  }

  mutating func llama3() -> Llama3Template? {
    skipGenerationDefault()
    let loops: [[JinjaText.Operation]] = [
      [.statement("set loop_messages = messages"), .statement("for message in loop_messages")],
      [.statement("for message in messages")],
    ]
    guard loops.contains(where: { loop in loop.allSatisfy { take($0) } }) else { return nil }
    let content =
      "set content = '<|start_header_id|>' + message [ 'role' ] + '<|end_header_id|>\n\n'"
      + " + message [ 'content' ] | trim + '<|eot_id|>'"
    let body: [JinjaText.Operation] = [
      .statement(content), .statement("if loop [ 'index0' ] = = 0"), .statement("set content = bos_token + content"),
      .statement("endif"), .expression("content"), .statement("endfor"),
    ]
    guard body.allSatisfy({ take($0) }) else { return nil }
    let opening = JinjaText.Operation.literal("<|start_header_id|>assistant<|end_header_id|>\n\n")
    var template = Llama3Template()
    if take(opening) {
      template.alwaysOpensTurn = true
    } else if !take(.statement("if add_generation_prompt"), opening, .statement("endif")) {
      return nil
    }
    return isAtEnd ? template : nil
  }
}
