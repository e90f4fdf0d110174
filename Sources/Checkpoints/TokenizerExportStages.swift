import Records
import Tokenizers

/// The stages before and behind the model, as the authors of each family write them.
extension TokenizerExport {
  private static let mark = "\u{2581}"

  private static func sequence(_ key: String, _ stages: [JSON]) -> JSON {
    .object([JSON.Member("type", .string("Sequence")), JSON.Member(key, .array(stages))])
  }

  private static func replace(_ text: String, by content: String) -> JSON {
    .object([
      "type": .string("Replace"), "pattern": .object(["String": .string(text)]), "content": .string(content),
    ])
  }

  static func byteLevel(addPrefixSpace: Bool, trimOffsets: Bool, useRegex: Bool) -> JSON {
    .object([
      "type": .string("ByteLevel"), "add_prefix_space": .bool(addPrefixSpace), "trim_offsets": .bool(trimOffsets),
      "use_regex": .bool(useRegex),
    ])
  }

  var normalizer: JSON {
    let rules = vocabulary.normalization
    var stages: [JSON] = []
    if rules.composes { stages.append(.object(["type": .string("NFC")])) }
    if rules.prependsSpace { stages.append(.object(["type": .string("Prepend"), "prepend": .string(Self.mark)])) }
    if rules.marksSpaces { stages.append(Self.replace(" ", by: Self.mark)) }
    return stages.count > 1 ? Self.sequence("normalizers", stages) : stages.first ?? .null
  }

  var preTokenizer: JSON {
    // Pieces of SentencePiece vocabularies are not cut: tokens may span words.
    guard case .bytes(let rule) = vocabulary.spelling else { return .null }
    let stages = rule.stages.map { stage -> JSON in
      switch stage {
      case .byteLevel(let splits): Self.byteLevel(addPrefixSpace: false, trimOffsets: true, useRegex: splits)
      case .digits: .object(["type": .string("Digits"), "individual_digits": .bool(true)])
      case .pattern(let pattern):
        .object([
          "type": .string("Split"), "pattern": .object(["Regex": .string(pattern)]), "behavior": .string("Isolated"),
          "invert": .bool(false),
        ])
      }
    }
    return stages.count > 1 ? Self.sequence("pretokenizers", stages) : stages[0]
  }

  var decoder: JSON {
    guard case .characters(let rules) = vocabulary.spelling else {
      return Self.byteLevel(addPrefixSpace: true, trimOffsets: true, useRegex: true)
    }
    var stages: [JSON] = [
      Self.replace(Self.mark, by: " "), .object(["type": .string("ByteFallback")]), .object(["type": .string("Fuse")]),
    ]
    if rules.stripsPrefix {
      stages.append(
        .object(["type": .string("Strip"), "content": .string(" "), "start": .integer(1), "stop": .integer(0)]))
    }
    return Self.sequence("decoders", stages)
  }

  /// Puts the begin and end tokens around a text where the model wants them.
  var postProcessor: JSON {
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
    guard case .bytes = vocabulary.spelling else { return template }
    let offsets = Self.byteLevel(addPrefixSpace: true, trimOffsets: false, useRegex: true)
    return Self.sequence("processors", [offsets, template])
  }
}
