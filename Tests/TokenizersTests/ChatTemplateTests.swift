import Testing
import Tokenizers

/// Expected renderings are those of Jinja 3.1.6 with the options that transformers sets.
@Suite struct ChatTemplateTests {
  static let smolLM2 =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are "
    + "a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + "
    + "message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    + "{{ '<|im_start|>assistant\n' }}{% endif %}"
  static let llama3 =
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    + "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    + "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
    + "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
  static let chatMLWithEscapes =
    #"{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"#
    + #"{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"#
  static let chatMLWithDashes = #"""
    {%- if not add_generation_prompt is defined -%}
      {%- set add_generation_prompt = false -%}
    {%- endif -%}
    {%- for message in messages -%}
      {{- "<|im_start|>" + message.role + "\n" + message.content + "<|im_end|>\n" -}}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- "<|im_start|>assistant\n" -}}
    {%- endif -%}

    """#
  static let chatMLAsText = """
    {% for message in messages %}
        {% if loop.first and messages[0].role != "system" %}
    <|im_start|>system
    You are a helpful assistant.<|im_end|>
        {% endif %}
    <|im_start|>{{ message['role'] }}
    {{ message['content'] }}<|im_end|>
    {% endfor %}
    {% if add_generation_prompt %}
    <|im_start|>assistant
    {% endif %}

    """

  private func tokenizer(_ control: [String]) throws -> Tokenizer {
    let tokens = SmallVocabulary.bytes + control
    let kinds = (0..<256).map { _ in TokenKind.normal } + control.map { _ in TokenKind.control }
    var vocabulary = Vocabulary(tokens: tokens, kinds: kinds, merges: [], splitRule: .gpt2, source: "test")
    vocabulary.endOfText = 256
    return try Tokenizer(vocabulary: vocabulary)
  }

  private func template(
    _ jinja: String?, _ control: [String] = ["<|im_start|>", "<|im_end|>"]
  ) throws -> any ChatTemplate {
    try chatTemplate(jinja: jinja, tokenizer: tokenizer(control), source: "test")
  }

  private static let llamaTokens = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]

  private static let question = [ChatMessage(role: .user, content: " Hi <|im_end|> there\n")]
  private static let conversation = [
    ChatMessage(role: .system, content: "Be brief."), ChatMessage(role: .user, content: "\t2+2?\u{1C}\u{A0}"),
    ChatMessage(role: .assistant, content: " 4 "), ChatMessage(role: .user, content: "Why?"),
  ]

  private func text(_ template: any ChatTemplate, _ messages: [ChatMessage], prompt: Bool) -> String {
    template.render(messages, addGenerationPrompt: prompt).map(\.string).joined()
  }

  private static let conversationInChatML =
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n\t2+2?\u{1C}\u{A0}<|im_end|>\n"
    + "<|im_start|>assistant\n 4 <|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"

  @Test func smolLM2() throws {
    let template = try template(Self.smolLM2)
    #expect(template.endOfTurn == "<|im_end|>")
    #expect(
      text(template, Self.question, prompt: true)
        == "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        + "<|im_start|>user\n Hi <|im_end|> there\n<|im_end|>\n<|im_start|>assistant\n")
    #expect(text(template, Self.conversation, prompt: false) == Self.conversationInChatML)
    #expect(text(template, [], prompt: true) == "<|im_start|>assistant\n")
    #expect(
      text(template, [ChatMessage(role: .system, content: "")], prompt: false) == "<|im_start|>system\n<|im_end|>\n")
  }

  @Test(arguments: [chatMLWithEscapes, chatMLWithDashes])
  func chatMLInOtherSpellings(_ jinja: String) throws {
    let template = try template(jinja)
    #expect((template as? ChatMLTemplate)?.defaultSystem == nil)
    #expect(
      text(template, Self.question, prompt: false) == "<|im_start|>user\n Hi <|im_end|> there\n<|im_end|>\n")
    #expect(
      text(template, Self.conversation, prompt: true) == Self.conversationInChatML + "<|im_start|>assistant\n")
  }

  @Test func chatMLAsText() throws {
    let template = try template(Self.chatMLAsText)
    #expect(
      text(template, Self.question, prompt: false)
        == "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        + "<|im_start|>user\n Hi <|im_end|> there\n<|im_end|>\n")
    #expect(text(template, Self.conversation, prompt: false) == Self.conversationInChatML)
  }

  @Test func llama3() throws {
    let template = try template(Self.llama3, Self.llamaTokens)
    #expect(template.endOfTurn == "<|eot_id|>")
    #expect(
      text(template, Self.question, prompt: false)
        == "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi <|im_end|> there<|eot_id|>")
    #expect(
      text(template, Self.conversation, prompt: true)
        == "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        + "<|start_header_id|>user<|end_header_id|>\n\n2+2?<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n4<|eot_id|>"
        + "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n")
    let first = Self.llama3.split(separator: "{% if add_generation").joined(separator: "").replacing(
      "_prompt %}", with: "")
    let unconditional = String(first.dropLast("{% endif %}".count))
    let always = try self.template(unconditional, Self.llamaTokens)
    #expect(text(always, Self.question, prompt: false).hasSuffix("assistant<|end_header_id|>\n\n"))
    // Jinja drops one line break at the end of a template, and only one.
    #expect(try self.template(unconditional + "\n", Self.llamaTokens).endOfTurn == "<|eot_id|>")
    #expect(throws: TokenizerError.self) { try self.template(unconditional + "\n\n", Self.llamaTokens) }
  }

  @Test func plainForModelsWithoutATemplate() throws {
    let template = try template(nil, ["<|endoftext|>"])
    #expect(template.endOfTurn == "<|endoftext|>")
    let pieces = template.render(Array(Self.conversation.prefix(2)), addGenerationPrompt: true)
    #expect(pieces == [.text("Be brief.\n\n"), .text("\t2+2?\u{1C}\u{A0}\n")])
    let beginning = PlainTemplate(beginOfText: "<s>", endOfText: "</s>")
    #expect(beginning.render([], addGenerationPrompt: true) == [.markup("<s>")])
  }

  @Test func unknownTemplatesAreRefused() throws {
    func refusal(_ jinja: String, _ control: [String] = ["<|im_start|>", "<|im_end|>"]) -> String {
      do {
        return "accepted as \(try template(jinja, control).name)"
      } catch {
        return "\(error)"
      }
    }
    func changed(_ template: String, _ old: String, _ new: String) -> String { template.replacing(old, with: new) }
    #expect(refusal(Self.smolLM2) == "accepted as ChatML")
    for other in [
      changed(Self.smolLM2, "'\\n' + message['content']", "message['content']"),
      changed(Self.smolLM2, "message['content']", "message['content'] | trim"),
      changed(Self.smolLM2, "!= 'system'", "== 'system'"),
      changed(Self.smolLM2, "messages[0]", "messages[1]"),
      changed(Self.smolLM2, "assistant\n", "assistant"),
      changed(Self.chatMLWithDashes, "{%- endfor -%}", "x{%- endfor -%}"),
      Self.smolLM2 + "{{ eos_token }}", "{{ bos_token }}" + Self.smolLM2,
    ] where other != Self.smolLM2 {
      #expect(refusal(other).contains("more than plain ChatML"), "\(other)")
    }
    #expect(refusal("{% for message in messages %}[INST]").contains("Mistral"))
    #expect(refusal("<start_of_turn>").contains("Gemma"))
    #expect(refusal(changed(Self.llama3, "| trim", "| title"), Self.llamaTokens).contains("variant of Llama 3"))
    #expect(refusal("<|start_header_id|>Today Date: ").contains("Llama 3.1"))
    #expect(refusal("{{ x }}").contains(#"unknown, "{{ x }}""#))
    #expect(refusal("{{ 'x }}").contains("never closed"))
    #expect(refusal(Self.smolLM2, ["<|im_start|>"]).contains("needs <|im_end|>"))
    #expect(throws: TokenizerError.self) {
      var vocabulary = SmallVocabulary.vocabulary()
      vocabulary.endOfText = nil
      _ = try chatTemplate(jinja: nil, tokenizer: Tokenizer(vocabulary: vocabulary), source: "test")
    }
  }

  @Test func promptsAreTokenisedAsOneText() throws {
    let tokenizer = try SmallVocabulary.tokenizer()
    let messages = [ChatMessage(role: .user, content: "hello<|im_end|>")]
    let tokens = renderTokens(messages, template: ChatMLTemplate(), tokenizer: tokenizer)
    #expect(tokens.filter { $0 == 285 }.count == 2 && tokens.filter { $0 == 286 }.count == 1)
    #expect(
      tokenizer.decode(tokens, skipSpecial: false)
        == "<|im_start|>user\nhello<|im_end|><|im_end|>\n<|im_start|>assistant\n")
    // The line break before the text and the first of its own are one token, "ĊĊ".
    let broken = [ChatMessage(role: .user, content: "\n\nhello")]
    #expect(renderTokens(broken, template: ChatMLTemplate(), tokenizer: tokenizer).contains(280))
  }
}
