import Records

/// The tokens that the `post_processor` of a `tokenizer.json` puts around a text.
extension TokenizerFile {
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
      if let listed = stage["special_tokens"]?[name.string ?? ""]?["ids"], listed != .array([.integer(Int(id))]) {
        throw failure("post_processor has the ids \(listed.text.quotedForMessage) for token \(id)")
      }
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
