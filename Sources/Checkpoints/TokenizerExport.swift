import Records
import Tokenizers

/// A byte-level BPE vocabulary as the tokenizer.json that the tokenizers library reads.
struct TokenizerExport {
  let vocabulary: Vocabulary

  /// The whole file.
  /// - Throws: `CheckpointError` if two tokens have the same text, which the file cannot hold.
  func json() throws(CheckpointError) -> JSON {
    .object([
      "version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": addedTokens,
      "normalizer": vocabulary.normalization == .composed ? .object(["type": .string("NFC")]) : .null,
      "pre_tokenizer": preTokenizer, "post_processor": postProcessor,
      "decoder": Self.byteLevel(addPrefixSpace: true, trimOffsets: true, useRegex: true),
      "model": .object([
        "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
        "ignore_merges": .bool(vocabulary.ignoreMerges), "vocab": try pieces(),
        "merges": .array(vocabulary.merges.map { .string("\($0.left) \($0.right)") }),
      ]),
    ])
  }

  // MARK: Tokens

  /// Padding at the end, which GGUF files have where the embedding is larger than the vocabulary, is left away.
  private var count: Int { (vocabulary.kinds.lastIndex { $0 != .unused } ?? -1) + 1 }

  private func isAdded(_ id: Int) -> Bool {
    switch vocabulary.kinds[id] {
    case .control, .unknown, .userDefined: true
    case .normal, .unused, .byte: false
    }
  }

  private var addedTokens: JSON {
    .array(
      (0..<count).filter(isAdded).map { id in
        .object([
          "id": .integer(id), "content": .string(vocabulary.tokens[id]), "single_word": .bool(false),
          "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false),
          "special": .bool(vocabulary.kinds[id] != .userDefined),
        ])
      })
  }

  /// The model's own tokens: all but the added ones behind the last that is not, as the models' authors have it.
  private func pieces() throws(CheckpointError) -> JSON {
    let end = ((0..<count).last { !isAdded($0) } ?? -1) + 1
    var seen = Set<[UInt8]>(minimumCapacity: end)
    var members: [JSON.Member] = []
    members.reserveCapacity(end)
    for id in 0..<end {
      let text = vocabulary.tokens[id]
      guard seen.insert(Array(text.utf8)).inserted else {
        throw CheckpointError(
          vocabulary.source, "token \(id) has the text of another, which tokenizer.json cannot hold")
      }
      members.append(JSON.Member(text, .integer(id)))
    }
    return .object(members)
  }

  // MARK: Stages

  private static func byteLevel(addPrefixSpace: Bool, trimOffsets: Bool, useRegex: Bool) -> JSON {
    .object([
      "type": .string("ByteLevel"), "add_prefix_space": .bool(addPrefixSpace), "trim_offsets": .bool(trimOffsets),
      "use_regex": .bool(useRegex),
    ])
  }

  private var preTokenizer: JSON {
    func sequence(_ first: JSON, useRegex: Bool) -> JSON {
      let last = Self.byteLevel(addPrefixSpace: false, trimOffsets: true, useRegex: useRegex)
      return .object(["type": .string("Sequence"), "pretokenizers": .array([first, last])])
    }
    func split(digits: String) -> JSON {
      let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
      return .object([
        "type": .string("Split"), "pattern": .object(["Regex": .string(pattern)]), "behavior": .string("Isolated"),
        "invert": .bool(false),
      ])
    }
    switch vocabulary.splitRule {
    case .gpt2: return Self.byteLevel(addPrefixSpace: false, trimOffsets: true, useRegex: true)
    case .smolLM:
      return sequence(.object(["type": .string("Digits"), "individual_digits": .bool(true)]), useRegex: true)
    case .llama3: return sequence(split(digits: #"\p{N}{1,3}"#), useRegex: false)
    case .qwen2: return sequence(split(digits: #"\p{N}"#), useRegex: false)
    }
  }

  /// Puts the begin and end tokens around a text where the model wants them.
  private var postProcessor: JSON {
    let begin = vocabulary.addsBeginOfText ? vocabulary.beginOfText : nil
    let end = vocabulary.addsEndOfText ? vocabulary.endOfText : nil
    guard begin != nil || end != nil else { return .null }
    func special(_ id: Int32?, _ type: Int) -> [JSON] {
      guard let id else { return [] }
      let name = vocabulary.tokens[Int(id)]
      return [.object(["SpecialToken": .object(["id": .string(name), "type_id": .integer(type)])])]
    }
    func text(_ name: String, _ type: Int) -> [JSON] {
      let sequence = JSON.object(["id": .string(name), "type_id": .integer(type)])
      return special(begin, type) + [.object(["Sequence": sequence])] + special(end, type)
    }
    let ids = Set([begin, end].compactMap { $0 }).sorted()
    let names = ids.map { id in
      let name = vocabulary.tokens[Int(id)]
      return JSON.Member(
        name,
        .object([
          "id": .string(name), "ids": .array([.integer(Int(id))]), "tokens": .array([.string(name)]),
        ]))
    }
    let template = JSON.object([
      "type": .string("TemplateProcessing"), "single": .array(text("A", 0)),
      "pair": .array(text("A", 0) + text("B", 1)),
      "special_tokens": .object(names),
    ])
    let offsets = Self.byteLevel(addPrefixSpace: true, trimOffsets: false, useRegex: true)
    return .object(["type": .string("Sequence"), "processors": .array([offsets, template])])
  }
}
