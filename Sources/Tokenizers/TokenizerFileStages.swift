import Records

/// The stages of a `tokenizer.json` that decide how text is spelt.
extension TokenizerFile {
  func normalization(_ stage: JSON?) throws(TokenizerError) -> Normalization {
    guard let stage else { return .none }
    let place = "normalizer"
    var result = Normalization.none
    for part in try stages(stage, place, "normalizers") {
      switch try type(part, place) {
      case "NFC":
        try check(part, place, keys: ["type"])
        result.composes = true
      case "Prepend":
        try check(part, place, keys: ["type", "prepend"])
        try check(part, "normalizer Prepend", "prepend", isOneOf: [.string(SpaceMark.text)])
        result.prependsSpace = true
      case "Replace":
        try check(part, place, keys: ["type", "pattern", "content"])
        try check(part, "normalizer Replace", "pattern", isOneOf: [.object(["String": .string(" ")])])
        try check(part, "normalizer Replace", "content", isOneOf: [.string(SpaceMark.text)])
        result.marksSpaces = true
      case let type: throw unsupported("a normalizer", type)
      }
    }
    if result.prependsSpace, !result.marksSpaces {
      throw failure("normalizer Prepend without Replace is not supported")
    }
    return result
  }

  /// The alphabet of the tokens, which the stages before and behind the model tell.
  func spelling(_ model: JSON, _ normalization: Normalization) throws(TokenizerError) -> Spelling {
    let place = "pre_tokenizer"
    let parts = try present(json[place]).map { stage throws(TokenizerError) in
      try stages(stage, place, "pretokenizers")
    }
    if let last = parts?.last, try type(last, place) == "ByteLevel" {
      for key in ["byte_fallback", "fuse_unk"] {
        try check(model, "model", key, isOneOf: [.null, .bool(false)])
      }
      try checkByteLevelDecoder()
      return .bytes(try splitRule(parts ?? []))
    }
    let decoder = try present(json["decoder"]).map { stage throws(TokenizerError) in
      try stages(stage, "decoder", "decoders")
    }
    guard let decoder, !decoder.contains(where: { $0["type"]?.string == "ByteLevel" }) else {
      // Without a sign of SentencePiece, what is missing is named as of the other kind.
      if parts == nil { throw failure("there is no pre_tokenizer; expected ByteLevel") }
      throw failure("the last pre_tokenizer is not ByteLevel")
    }
    var rules = SentencePieceRules()
    rules.fallsBackToBytes = model["byte_fallback"]?.bool ?? false
    rules.fusesUnknown = model["fuse_unk"]?.bool ?? false
    try readPreTokenizers(parts ?? [], normalization, into: &rules)
    try readDecoders(decoder, into: &rules)
    return .characters(rules)
  }

  // MARK: Byte-level

  private func checkByteLevelDecoder() throws(TokenizerError) {
    guard let stage = present(json["decoder"]) else { throw failure("there is no decoder; expected ByteLevel") }
    for part in try stages(stage, "decoder", "decoders") {
      let type = try type(part, "decoder")
      guard type == "ByteLevel" else { throw unsupported("a decoder", type) }
    }
  }

  private func splitRule(_ parts: [JSON]) throws(TokenizerError) -> SplitRule {
    var stages: [SplitStage] = []
    for part in parts { stages.append(try splitStage(part)) }
    if let rule = SplitRule(stages: stages) { return rule }
    let patterns = stages.compactMap { stage in
      if case .pattern(let pattern) = stage { pattern } else { nil }
    }
    if patterns.count == 1 {
      throw failure("pre_tokenizer Split with the pattern \(patterns[0].quotedForMessage) is not supported")
    }
    let names = parts.compactMap { $0["type"]?.string }.joined(separator: ", ")
    throw failure("the pre_tokenizer stages \(names) with these settings are not supported")
  }

  private func splitStage(_ stage: JSON) throws(TokenizerError) -> SplitStage {
    let place = "pre_tokenizer"
    switch try type(stage, place) {
    case "ByteLevel":
      try check(stage, place, keys: ["type", "add_prefix_space", "trim_offsets", "use_regex"])
      guard stage["add_prefix_space"]?.bool == false else {
        throw failure("pre_tokenizer.add_prefix_space is not false, which is not supported")
      }
      return .byteLevel(splits: stage["use_regex"]?.bool ?? true)
    case "Digits":
      try check(stage, place, keys: ["type", "individual_digits"])
      guard stage["individual_digits"]?.bool == true else {
        throw failure("pre_tokenizer Digits with individual_digits other than true is not supported")
      }
      return .digits
    case "Split":
      try check(stage, "pre_tokenizer Split", keys: ["type", "pattern", "behavior", "invert"])
      try check(stage, "pre_tokenizer Split", "behavior", isOneOf: [.string("Isolated")])
      try check(stage, "pre_tokenizer Split", "invert", isOneOf: [.bool(false)])
      guard let pattern = stage["pattern"]?["Regex"]?.string else {
        throw failure("pre_tokenizer Split has no pattern.Regex")
      }
      return .pattern(pattern)
    case let type: throw unsupported("a pre_tokenizer", type)
    }
  }

  // MARK: SentencePiece

  private func readPreTokenizers(
    _ parts: [JSON], _ normalization: Normalization, into rules: inout SentencePieceRules
  ) throws(TokenizerError) {
    guard parts.count <= 1 else { throw failure("\(parts.count) pre_tokenizers in a row are not supported") }
    guard let part = parts.first else {
      guard normalization.marksSpaces else { throw failure("neither normalizer nor pre_tokenizer marks spaces") }
      return
    }
    switch try type(part, "pre_tokenizer") {
    case "Metaspace":
      (rules.prefix, rules.splitsWords) = try metaspace(part, "pre_tokenizer Metaspace")
      rules.marksSpaces = true
    case "Split":
      let place = "pre_tokenizer Split"
      try check(part, place, keys: ["type", "pattern", "behavior", "invert"])
      // Gemma's file has it, but its normalizer has left no space that it could split at.
      try check(part, place, "pattern", isOneOf: [.object(["String": .string(" ")])])
      try check(part, place, "behavior", isOneOf: [.string("MergedWithPrevious")])
      try check(part, place, "invert", isOneOf: [.bool(false)])
      guard normalization.marksSpaces else { throw failure("\(place) without a normalizer Replace is not supported") }
    case let type: throw unsupported("a pre_tokenizer", type)
    }
  }

  private func metaspace(
    _ stage: JSON, _ place: String
  ) throws(TokenizerError) -> (prefix: SentencePieceRules.Prefix, splitsWords: Bool) {
    try check(
      stage, place, keys: ["type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"])
    try check(stage, place, "replacement", isOneOf: [.string(SpaceMark.text)])
    try check(stage, place, "str_rep", isOneOf: [.null, .string(SpaceMark.text)])
    try check(stage, place, "split", isOneOf: [.null, .bool(false), .bool(true)])
    // Files of before prepend_scheme say only whether there is a space.
    var prefix = stage["add_prefix_space"]?.bool == false ? SentencePieceRules.Prefix.never : .always
    if let scheme = present(stage["prepend_scheme"]) {
      guard let known = scheme.string.flatMap(SentencePieceRules.Prefix.init(rawValue:)) else {
        throw failure("\(place).prepend_scheme is \(scheme.text.quotedForMessage), which is not supported")
      }
      prefix = known
    }
    return (prefix, stage["split"]?.bool ?? true)
  }

  private func readDecoders(_ parts: [JSON], into rules: inout SentencePieceRules) throws(TokenizerError) {
    var unmarksSpaces = false
    var readsBytes = false
    for part in parts {
      switch try type(part, "decoder") {
      case "Replace":
        try check(part, "decoder Replace", keys: ["type", "pattern", "content"])
        try check(part, "decoder Replace", "pattern", isOneOf: [.object(["String": .string(SpaceMark.text)])])
        try check(part, "decoder Replace", "content", isOneOf: [.string(" ")])
        unmarksSpaces = true
      case "ByteFallback": readsBytes = true
      case "Fuse": continue
      case "Strip":
        try check(part, "decoder Strip", keys: ["type", "content", "start", "stop"])
        try check(part, "decoder Strip", "content", isOneOf: [.string(" ")])
        try check(part, "decoder Strip", "start", isOneOf: [.integer(0), .integer(1)])
        try check(part, "decoder Strip", "stop", isOneOf: [.null, .integer(0)])
        rules.stripsPrefix = part["start"]?.integer == 1
      case "Metaspace":
        rules.stripsPrefix = try metaspace(part, "decoder Metaspace").prefix != .never
        unmarksSpaces = true
      case let type: throw unsupported("a decoder", type)
      }
    }
    guard unmarksSpaces else { throw failure("no decoder replaces \(SpaceMark.text) by a space") }
    if rules.fallsBackToBytes, !readsBytes {
      throw failure("model.byte_fallback is true without a ByteFallback decoder")
    }
  }
}
