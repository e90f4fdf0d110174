import Records

/// The stages before and behind the model in a `tokenizer.json`.
extension TokenizerFile {
  private func type(_ stage: JSON, _ place: String) throws(TokenizerError) -> String {
    guard let type = stage["type"]?.string else { throw failure("\(place) has no type") }
    return type
  }

  private func unsupported(_ place: String, _ type: String) -> TokenizerError {
    failure("\(place) of type \(type.quotedForMessage) is not supported")
  }

  /// The stages of a `Sequence`, or the stage itself.
  private func stages(_ stage: JSON, _ place: String, _ key: String) throws(TokenizerError) -> [JSON] {
    guard try type(stage, place) == "Sequence" else { return [stage] }
    try check(stage, place, keys: ["type", key])
    guard let stages = stage[key]?.array else { throw failure("\(place).\(key) is not an array") }
    return stages
  }

  func normalization(_ stage: JSON?) throws(TokenizerError) -> Normalization {
    guard let stage else { return .none }
    var normalization = Normalization.none
    for part in try stages(stage, "normalizer", "normalizers") {
      let type = try type(part, "normalizer")
      guard type == "NFC" else { throw unsupported("a normalizer", type) }
      try check(part, "normalizer", keys: ["type"])
      normalization = .composed
    }
    return normalization
  }

  func splitRule(_ stage: JSON?) throws(TokenizerError) -> SplitRule {
    let place = "pre_tokenizer"
    guard let stage else { throw failure("there is no pre_tokenizer; expected ByteLevel") }
    var stages = try stages(stage, place, "pretokenizers")
    guard let last = stages.popLast(), try type(last, place) == "ByteLevel" else {
      throw failure("the last pre_tokenizer is not ByteLevel")
    }
    try check(last, place, keys: ["type", "add_prefix_space", "trim_offsets", "use_regex"])
    guard last["add_prefix_space"]?.bool == false else {
      throw failure("pre_tokenizer.add_prefix_space is not false, which is not supported")
    }
    let splitsItself = last["use_regex"]?.bool ?? true
    guard stages.count <= 1 else { throw failure("\(stages.count + 1) pre_tokenizers in a row are not supported") }
    guard let first = stages.first else {
      guard splitsItself else { throw failure("pre_tokenizer.use_regex is false, but nothing else splits the text") }
      return .gpt2
    }
    switch try type(first, place) {
    case "Digits":
      try check(first, place, keys: ["type", "individual_digits"])
      guard first["individual_digits"]?.bool == true else {
        throw failure("pre_tokenizer Digits with individual_digits other than true is not supported")
      }
      guard splitsItself else { throw failure("pre_tokenizer Digits with use_regex false is not supported") }
      return .smolLM
    case "Split":
      guard !splitsItself else { throw failure("pre_tokenizer Split with use_regex true is not supported") }
      return try splitRule(ofSplit: first)
    case let type: throw unsupported("a pre_tokenizer", type)
    }
  }

  private func splitRule(ofSplit stage: JSON) throws(TokenizerError) -> SplitRule {
    try check(stage, "pre_tokenizer Split", keys: ["type", "pattern", "behavior", "invert"])
    try check(stage, "pre_tokenizer Split", "behavior", isOneOf: [.string("Isolated")])
    try check(stage, "pre_tokenizer Split", "invert", isOneOf: [.bool(false)])
    guard let pattern = stage["pattern"]?["Regex"]?.string else {
      throw failure("pre_tokenizer Split has no pattern.Regex")
    }
    guard let rule = SplitRule(pattern: pattern) else {
      throw failure("pre_tokenizer Split with the pattern \(pattern.quotedForMessage) is not supported")
    }
    return rule
  }

  func checkDecoder(_ stage: JSON?) throws(TokenizerError) {
    guard let stage else { throw failure("there is no decoder; expected ByteLevel") }
    for part in try stages(stage, "decoder", "decoders") {
      let type = try type(part, "decoder")
      guard type == "ByteLevel" else { throw unsupported("a decoder", type) }
    }
  }

  /// The special tokens that a `TemplateProcessing` puts around a text; ByteLevel changes offsets only.
  func readPostProcessor(
    _ stage: JSON?, _ tokens: [String], into vocabulary: inout Vocabulary
  ) throws(TokenizerError) {
    guard let stage else { return }
    var templates = 0
    for part in try stages(stage, "post_processor", "processors") {
      switch try type(part, "post_processor") {
      case "ByteLevel": continue
      case "TemplateProcessing":
        templates += 1
        guard templates == 1 else { throw failure("several TemplateProcessing in post_processor are not supported") }
        try readTemplate(part, tokens, into: &vocabulary)
      case let type: throw unsupported("a post_processor", type)
      }
    }
  }

  private func readTemplate(
    _ stage: JSON, _ tokens: [String], into vocabulary: inout Vocabulary
  ) throws(TokenizerError) {
    let place = "post_processor.single"
    try check(stage, "post_processor", keys: ["type", "single", "pair", "special_tokens"])
    guard let parts = stage["single"]?.array else { throw failure("\(place) is not an array") }
    var seenText = false
    for part in parts {
      if part["Sequence"] != nil {
        guard !seenText else { throw failure("\(place) has the text twice, which is not supported") }
        seenText = true
        continue
      }
      guard let name = part["SpecialToken"]?["id"] else { throw failure("\(place) has a part that is not supported") }
      let id = try identifier(name, place, tokens)
      let isFree = seenText ? !vocabulary.addsEndOfText : !vocabulary.addsBeginOfText
      guard isFree else { throw failure("\(place) has several tokens on one side, which is not supported") }
      let named = seenText ? vocabulary.endOfText : vocabulary.beginOfText
      if let named, named != id {
        throw failure("\(place) has token \(id) where tokenizer_config.json names token \(named)")
      }
      if seenText {
        vocabulary.endOfText = id
        vocabulary.addsEndOfText = true
      } else {
        vocabulary.beginOfText = id
        vocabulary.addsBeginOfText = true
      }
    }
    guard seenText else { throw failure("\(place) has no place for the text") }
  }
}
