import Records
import Templates
import Tokenizers

extension FuzzTarget {
  private static let texts = [
    "", "a", "Hello, world!\n\n  123 don't", "<s>ab</s> <|im_end|>", "\u{0}\u{7F}é\u{301}日本語🙂\u{E000}",
    String(repeating: "ab ", count: 40),
  ]

  /// Encodes and decodes some texts.
  static func exercise(_ tokenizer: Tokenizer) throws {
    for text in texts {
      for isMarkup in [true, false] {
        let tokens = tokenizer.encode(text, addSpecialTokens: isMarkup, parseSpecial: isMarkup)
        require(tokens.allSatisfy(tokenizer.contains), "a token outside the vocabulary")
        _ = tokenizer.decode(tokens, skipSpecial: isMarkup)
      }
    }
  }

  /// tokenizer.json, and texts encoded by it.
  static let tokenizer = FuzzTarget(
    name: "tokenizer", longest: 8192,
    seeds: {
      let added =
        #""added_tokens":[{"id":0,"content":"<s>","single_word":false,"lstrip":true,"rstrip":false,"#
        + #""normalized":false,"special":true},{"id":6,"content":"</s>","special":false,"normalized":true}]"#
      let byteLevel =
        #"{"version":"1.0",\#(added),"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":["#
        + #"{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]},"#
        + #""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},"#
        + #"{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]}}},"#
        + #""decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":"a","ignore_merges":true,"#
        + #""vocab":{"<s>":0,"a":1,"b":2,"Ġ":3,"ab":4,"Ġab":5},"merges":["a b",["Ġ","ab"]]}}"#
      let sentencePiece =
        #"{\#(added),"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},"#
        + #"{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null,"decoder":"#
        + #"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},"#
        + #"{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},"#
        + #""model":{"type":"BPE","unk_token":"<s>","fuse_unk":true,"byte_fallback":true,"#
        + #""vocab":{"<s>":0,"a":1,"b":2,"▁":3,"ab":4,"<0x0A>":5},"merges":["a b"]}}"#
      let metaspace =
        #"{"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true},"#
        + #""decoder":{"type":"Metaspace","replacement":"▁"},"model":{"vocab":{"a":0,"▁":1,"▁a":2},"merges":["▁ a"]}}"#
      return [byteLevel, sentencePiece, metaspace].map { Array($0.utf8) }
    },
    read: { input in
      let json = try JSON(parsing: input)
      let configuration: JSON = .object(["bos_token": .string("<s>")])
      try exercise(Tokenizer(tokenizerJSON: json, source: "tokenizer.json"))
      _ = try? Tokenizer(tokenizerJSON: json, configuration: configuration, source: "tokenizer.json")
    })

  /// Bounds that keep the tries quick; depth and nesting are those of chat templates.
  private static let limits: TemplateLimits = {
    var limits = TemplateLimits()
    (limits.steps, limits.textBytes, limits.elements) = (50_000, 1 << 16, 10_000)
    return limits
  }()

  private static let variables: [(String, TemplateValue)] = [
    (
      "messages",
      .list([
        .dictionary(["role": .string("system"), "content": .string("s")]),
        .dictionary(["role": .string("user"), "content": .string(" q\n<think>é</think> ")]),
        .dictionary(["role": .string("assistant"), "content": .list([.dictionary(["type": .string("text")])])]),
      ])
    ),
    ("add_generation_prompt", .bool(true)), ("bos_token", .string("<s>")), ("tools", .none), ("n", .int(3)),
    ("x", .double(0.5)),
  ]

  /// Jinja templates, parsed and rendered.
  static let template = FuzzTarget(
    name: "template",
    seeds: {
      [
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m.content|string }}{% endfor %}",
        "{%- if not tools is defined %}{% set tools = none %}{% endif -%}{{ raise_exception('no') if n > 7 }}",
        "{% macro f(a, b=2) %}{{ a ~ b }}{% if b %}{{ f(a, b - 1) }}{% endif %}{% endmacro %}{{ f('x') }}",
        "{% set ns = namespace(l=[], t='') %}{% for i in range(n) %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.l|tojson }}",
        "{{ messages[1].content.split('</think>')[-1].strip() }}{{ messages|map(attribute='role')|join(', ') }}",
        "{{ {'a': [1, 2.5, none, true]}|tojson(indent=2) }}{{ 'abc'[::-1] }}{{ 7 // -2 }}{{ 2 ** 10 % 3 }}",
        "{% for k, v in {'a': 1}.items() if v %}{{ loop.index }}{{ k }}{% break %}{% else %}-{% endfor %}",
        "{{ messages|selectattr('role', 'equalto', 'user')|list|length }}{# c #}{{ 'a' in 'abc' and x is number }}",
        "{% filter upper %}a{% endfilter %}{% set b %}x{% endset %}{{ b * 3 }}{{ 'a-b'.replace('-', '_')|title }}",
        "{% generation %}{{ strftime_now('%d %b %Y') }}{% endgeneration %}{{ [3, 1]|sort|first }}{{ '%s' }}",
      ].map { Array($0.utf8) }
    },
    read: { input in
      let text = try Template(String(decoding: input, as: UTF8.self), limits: limits).render(variables)
      require(text.utf8.count <= limits.textBytes, "the output is longer than allowed")
    })

  /// A prompts file, and prompts filled by it.
  static let prompts = FuzzTarget(
    name: "prompts", seeds: { [Array(PromptSet.defaultText.utf8), Array(withVariables.utf8)] },
    read: { input in
      let prompts = try PromptSet(JSON(parsing: input), source: "prompts.json")
      let fields = PromptFields(instruction: "i", question: "q{", answer: "}a", judgment: nil, output: "{output}")
      for kind in PromptKind.allCases { _ = try? prompts.messages(kind, fields: fields) }
    })

  private static let withVariables =
    #"{"template":{"enable_thinking":false,"n":[1,{"a":null}]},"base":{"user":"{question}"},"standard":{"user":"{{{answer}}}"},"#
    + #""judge":{"system":"{instruction}","user":"{judgment}"},"critique":{"user":"{output}"}}"#
}
