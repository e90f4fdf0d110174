import Templates
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
    vocabulary.beginOfText = 256
    vocabulary.endOfText = Int32(255 + control.count)
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

  private func text(
    _ template: any ChatTemplate, _ messages: [ChatMessage], prompt: Bool, _ variables: [TemplateValue.Entry] = []
  ) throws -> String {
    try template.render(messages, addGenerationPrompt: prompt, variables: variables).map(\.string).joined()
  }

  private func refusal(_ jinja: String, _ control: [String] = ["<|im_start|>", "<|im_end|>"]) -> String {
    do {
      _ = try template(jinja, control)
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  private static let conversationInChatML =
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n\t2+2?\u{1C}\u{A0}<|im_end|>\n"
    + "<|im_start|>assistant\n 4 <|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"

  @Test func smolLM2() throws {
    let template = try template(Self.smolLM2)
    #expect(template.endOfTurn == "<|im_end|>")
    #expect(
      try text(template, Self.question, prompt: true)
        == "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        + "<|im_start|>user\n Hi <|im_end|> there\n<|im_end|>\n<|im_start|>assistant\n")
    #expect(try text(template, Self.conversation, prompt: false) == Self.conversationInChatML)
    #expect(try text(template, [], prompt: true) == "<|im_start|>assistant\n")
    #expect(
      try text(template, [ChatMessage(role: .system, content: "")], prompt: false)
        == "<|im_start|>system\n<|im_end|>\n")
  }

  @Test(arguments: [chatMLWithEscapes, chatMLWithDashes])
  func chatMLInOtherSpellings(_ jinja: String) throws {
    let template = try template(jinja)
    #expect(
      try text(template, Self.question, prompt: false) == "<|im_start|>user\n Hi <|im_end|> there\n<|im_end|>\n")
    #expect(
      try text(template, Self.conversation, prompt: true) == Self.conversationInChatML + "<|im_start|>assistant\n")
  }

  @Test func chatMLAsText() throws {
    let template = try template(Self.chatMLAsText)
    #expect(
      try text(template, Self.question, prompt: false)
        == "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        + "<|im_start|>user\n Hi <|im_end|> there\n<|im_end|>\n")
    #expect(try text(template, Self.conversation, prompt: false) == Self.conversationInChatML)
  }

  @Test func llama3() throws {
    let template = try template(Self.llama3, Self.llamaTokens)
    #expect(template.endOfTurn == "<|eot_id|>")
    #expect(
      try text(template, Self.question, prompt: false)
        == "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi <|im_end|> there<|eot_id|>")
    #expect(
      try text(template, Self.conversation, prompt: true)
        == "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        + "<|start_header_id|>user<|end_header_id|>\n\n2+2?<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n4<|eot_id|>"
        + "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n")
  }

  @Test func aSystemMessageWithoutAPlaceJoinsTheUsers() throws {
    let turns =
      "{% for message in messages %}<|im_start|>{{ message.role }} {{ message.content | trim }}<|im_end|>{% endfor %}"
    let refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + turns
    let silent = turns.replacing("in messages %}", with: "in messages if message.role != 'system' %}")
    let expected =
      "<|im_start|>user Be brief.\n\n\t2+2?<|im_end|><|im_start|>assistant 4<|im_end|><|im_start|>user Why?<|im_end|>"
    for jinja in [refusing, silent] {
      #expect(try text(template(jinja), Self.conversation, prompt: true) == expected)
    }
    #expect(try text(template(turns), Self.conversation, prompt: true).hasPrefix("<|im_start|>system Be brief."))
  }

  @Test func theEndOfATurnIsWhatFollowsAResponse() throws {
    let spaced = "{% for m in messages %}{{ m.content }} \n<|im_end|>{% endfor %}"
    #expect(try template(spaced, ["<|im_start|>", "<|im", "<|im_end|>"]).endOfTurn == "<|im_end|>")
    // Without a mark of its own, the token that ends a text; a template that knows no assistants has none.
    #expect(try template("{% for m in messages %}{{ m.content }}\n{% endfor %}").endOfTurn == "<|im_end|>")
    let single = "{% if messages | length > 1 %}{{ raise_exception('one only') }}{% endif %}{{ messages[0].content }}"
    #expect(try template(single).endOfTurn == "<|im_end|>")
  }

  @Test func variablesReachTheTemplate() throws {
    let thinking = "{{ messages[0].content }}{% if enable_thinking is false %}<think></think>{% endif %}{{ bos_token }}"
    let template = try template(thinking)
    #expect(template.mentions("enable_thinking") && !template.mentions("enable_thinkin"))
    #expect(try text(template, Self.question, prompt: true) == " Hi <|im_end|> there\n<|im_start|>")
    #expect(
      try text(template, Self.question, prompt: true, [.init("enable_thinking", .bool(false))])
        == " Hi <|im_end|> there\n<think></think><|im_start|>")
    // What the conversation says cannot be replaced.
    #expect(
      try text(template, Self.question, prompt: true, [.init("messages", .list([]))])
        == " Hi <|im_end|> there\n<|im_start|>")
  }

  @Test func plainForModelsWithoutATemplate() throws {
    let template = try template(nil, ["<|endoftext|>"])
    #expect(template.endOfTurn == "<|endoftext|>")
    let pieces = try template.render(Array(Self.conversation.prefix(2)), addGenerationPrompt: true, variables: [])
    #expect(pieces == [.text("Be brief.\n\n"), .text("\t2+2?\u{1C}\u{A0}\n")])
    let beginning = PlainTemplate(beginOfText: "<s>", endOfText: "</s>")
    #expect(beginning.render([], addGenerationPrompt: true) == [.markup("<s>")])
  }

  @Test func whatCannotBeInterpretedIsRefused() throws {
    #expect(refusal(Self.smolLM2) == "accepted")
    #expect(refusal("\n{% include 'x' %}").contains("test: the chat template, line 2: "))
    #expect(refusal("{{ 'x }}").contains("the chat template, line 1: "))
    #expect(refusal("{{ raise_exception('tools only') }}").contains("refuses a question, line 1: tools only"))
    #expect(refusal("{% for m in messages %}{{ m.role }}{% endfor %}").contains("leaves out a question"))
    #expect(throws: TokenizerError.self) {
      var vocabulary = SmallVocabulary.vocabulary()
      vocabulary.endOfText = nil
      _ = try chatTemplate(jinja: nil, tokenizer: Tokenizer(vocabulary: vocabulary), source: "test")
    }
  }

  @Test func promptsAreTokenisedAsOneText() throws {
    let tokenizer = try SmallVocabulary.tokenizer()
    let template = try chatTemplate(jinja: Self.chatMLWithEscapes, tokenizer: tokenizer, source: "test")
    let messages = [ChatMessage(role: .user, content: "hello<|im_end|>")]
    let tokens = try template.promptTokens(messages, tokenizer: tokenizer)
    #expect(tokens.filter { $0 == 285 }.count == 2 && tokens.filter { $0 == 286 }.count == 1)
    #expect(
      tokenizer.decode(tokens, skipSpecial: false)
        == "<|im_start|>user\nhello<|im_end|><|im_end|>\n<|im_start|>assistant\n")
    // The line break before the text and the first of its own are one token, "ĊĊ".
    let broken = [ChatMessage(role: .user, content: "\n\nhello")]
    #expect(try template.promptTokens(broken, tokenizer: tokenizer).contains(280))
  }

  /// A user cannot write markup, whatever stands around it, and the template sees no difference.
  @Test(arguments: [
    "<|im_end|>", "<|im_start|><|im_end|>", "<<|im_end|>|im_end|>", "é<|im_end|>é", "MARK<|im_end|>",
  ])
  func controlTokensOfAUserAreText(_ text: String) throws {
    let mark = try #require(Unicode.Scalar(0xFDD0 as UInt32))
    let content = text.replacing("MARK", with: String(mark))
    let tokenizer = try SmallVocabulary.tokenizer()
    let jinja =
      "<|im_start|>{{ messages[0].content | trim }}{% if messages[0].content | length > 0 %}<|im_end|>{% endif %}"
    let template = try chatTemplate(jinja: jinja, tokenizer: tokenizer, source: "test")
    let tokens = try template.promptTokens([ChatMessage(role: .user, content: " " + content)], tokenizer: tokenizer)
    #expect(tokens.filter { $0 == 285 || $0 == 286 } == [285, 286])
    #expect(tokenizer.decode(tokens, skipSpecial: false) == "<|im_start|>" + content + "<|im_end|>")
  }
}
