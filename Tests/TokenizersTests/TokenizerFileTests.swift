import Records
import Testing
import Tokenizers

@Suite struct TokenizerFileTests {
  private typealias Small = SmallVocabulary

  private func refusal(_ json: JSON, configuration: JSON? = nil) -> String {
    do {
      _ = try Tokenizer(tokenizerJSON: json, configuration: configuration, source: "t.json")
      return "accepted"
    } catch {
      return error.description
    }
  }

  @Test(arguments: [false, true])
  func bothSpellingsOfMerges(asPairs: Bool) throws {
    let tokenizer = try Tokenizer(tokenizerJSON: Small.json(mergesAsPairs: asPairs), source: "t.json")
    #expect(tokenizer.encode("hello world<|im_end|>", parseSpecial: true) == [259, 264, 286])
    #expect(tokenizer.fingerprint == (try Small.tokenizer().fingerprint))
  }

  @Test func splitRules() throws {
    func spelling(_ stages: JSON...) throws -> Spelling {
      let sequence = JSON.object(["type": .string("Sequence"), "pretokenizers": .array(stages)])
      return try Tokenizer(tokenizerJSON: Small.json(["pre_tokenizer": sequence]), source: "t.json").spelling
    }
    func split(_ digits: String) -> JSON {
      let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
      return .object([
        "type": .string("Split"), "pattern": .object(["Regex": .string(pattern)]), "behavior": .string("Isolated"),
        "invert": .bool(false),
      ])
    }
    let digits = JSON.object(["type": .string("Digits"), "individual_digits": .bool(true)])
    #expect(try spelling(Small.byteLevel()) == .bytes(.gpt2))
    #expect(try spelling(digits, Small.byteLevel()) == .bytes(.smolLM))
    #expect(try spelling(split(#"\p{N}{1,3}"#), Small.byteLevel(splits: false)) == .bytes(.llama3))
    #expect(try spelling(split(#"\p{N}"#), Small.byteLevel(splits: false)) == .bytes(.qwen2))
    #expect(throws: TokenizerError.self) { try spelling(split(#"\p{N}{1,2}"#), Small.byteLevel(splits: false)) }
    #expect(throws: TokenizerError.self) { try spelling(split(#"\p{N}"#), Small.byteLevel()) }
    #expect(throws: TokenizerError.self) { try spelling(digits, Small.byteLevel(splits: false)) }
    #expect(throws: TokenizerError.self) { try spelling(Small.byteLevel(splits: false)) }
    #expect(throws: TokenizerError.self) { try spelling(digits) }
    #expect(throws: TokenizerError.self) { try spelling(digits, digits, Small.byteLevel()) }
  }

  @Test func unknownPartsAreRefusedByName() {
    func stage(_ type: String) -> JSON { .object(["type": .string(type)]) }
    let refusals: [(JSON, String)] = [
      (Small.json(["normalizer": stage("NFKC")]), #"a normalizer of type "NFKC" is not supported"#),
      (Small.json(["pre_tokenizer": stage("Metaspace")]), "the last pre_tokenizer is not ByteLevel"),
      (Small.json(["pre_tokenizer": .null]), "there is no pre_tokenizer; expected ByteLevel"),
      (Small.json(["decoder": stage("WordPiece")]), #"a decoder of type "WordPiece" is not supported"#),
      (Small.json(["decoder": nil]), "there is no decoder; expected ByteLevel"),
      (Small.json(["post_processor": stage("BertProcessing")]), #"a post_processor of type "BertProcessing" is not"#),
      (Small.json(["sampler": .null]), #"the file has the member "sampler", which is not supported"#),
      (Small.json(model: ["type": .string("Unigram")]), #"model.type is ""Unigram"", which is not supported"#),
      (Small.json(model: ["byte_fallback": .bool(true)]), #"model.byte_fallback is "true""#),
      (Small.json(model: ["dropout": .number("0.1")]), #"model.dropout is "0.1""#),
      (Small.json(model: ["end_of_word_suffix": .string("</w>")]), "model.end_of_word_suffix"),
      (Small.json(model: ["continuing_subword_prefix": .string("##")]), "model.continuing_subword_prefix"),
      (Small.json(model: ["unk_token": .string("<unk>")]), #"model.unk_token is "<unk>", which the vocabulary lacks"#),
      (Small.json(model: ["unk_token": .string("!"), "fuse_unk": .bool(true)]), #"model.fuse_unk is "true""#),
      (Small.json(model: ["novelty": .bool(true)]), #"model has the member "novelty""#),
      (Small.json(model: ["vocab": nil]), "model.vocab is not an object"),
      (Small.json(model: ["merges": .array([.array([.string("a")])])]), #"model.merges[0] is "["a"]", not two tokens"#),
      (Small.json(model: ["merges": nil]), "model.merges is not an array"),
      (.array([]), "the file is an array, not an object"),
    ]
    for (json, message) in refusals {
      let refusal = refusal(json)
      #expect(refusal.hasPrefix("t.json: ") && refusal.contains(message), "\(refusal)")
    }
  }

  @Test func addedTokensAreChecked() {
    func added(_ id: Int, _ text: String, _ changes: [String: JSON?] = [:]) -> String {
      refusal(Small.json(["added_tokens": .array([Small.addedToken(id, text, changes)])]))
    }
    #expect(added(285, "<|x|>") == "accepted")
    #expect(added(256, "he") == "accepted")
    #expect(added(285, "<|x|>", ["lstrip": .bool(true), "single_word": .bool(true)]) == "accepted")
    #expect(added(285, "<|x|>", ["lstrip": .integer(1)]).contains(#""<|x|>",.lstrip is "1""#))
    #expect(added(285, "<|x|>", ["rstrip": .string("yes")]).contains("rstrip"))
    #expect(added(285, "<|x|>", ["sticky": .bool(true)]).contains(#"the member "sticky""#))
    #expect(added(256, "<|x|>").contains(#""he" and "<|x|>" have the same id, 256"#))
    #expect(added(285, "he").contains("token 285 has the text of token 256"))
    #expect(added(286, "<|x|>").contains(#"the id of "<|x|>" is 286, out of range"#))
    #expect(added(-1, "<|x|>").contains("is -1, out of range"))
    #expect(added(1 << 40, "<|x|>").contains("out of range"))
  }

  @Test func idsOfTheVocabularyAreChecked() {
    func vocabulary(_ members: [(String, JSON)]) -> String {
      refusal(
        Small.json(
          ["added_tokens": nil],
          model: ["vocab": .object(members.map { JSON.Member($0.0, $0.1) }), "merges": .array([])]))
    }
    #expect(vocabulary([("a", .integer(1)), ("b", .integer(0))]) == "accepted")
    #expect(vocabulary([("a", .integer(0)), ("b", .integer(0))]).contains(#""a" and "b" have the same id, 0"#))
    #expect(vocabulary([("a", .integer(0)), ("b", .integer(2))]).contains("out of range"))
    #expect(vocabulary([("a", .integer(0)), ("b", .string("1"))]).contains("is a string, not an integer"))
  }

  @Test func specialTokensComeFromThePostProcessorAndTheConfiguration() throws {
    func part(_ kind: String, _ id: String) -> JSON {
      .object([.init(kind, .object(["id": .string(id), "type_id": .integer(0)]))])
    }
    func template(_ parts: JSON...) -> JSON {
      .object([
        "type": .string("TemplateProcessing"), "single": .array(parts), "pair": .array([]),
        "special_tokens": .object([]),
      ])
    }
    func sequence(_ processors: JSON...) -> JSON {
      .object(["type": .string("Sequence"), "processors": .array(processors)])
    }
    let begin = template(part("SpecialToken", "<|im_start|>"), part("Sequence", "A"))
    let json = Small.json(["post_processor": sequence(Small.byteLevel(), begin)])
    let tokenizer = try Tokenizer(tokenizerJSON: json, source: "t.json")
    #expect(tokenizer.encode("hello", addSpecialTokens: true, parseSpecial: false) == [285, 259])
    #expect(tokenizer.beginOfText == 285 && tokenizer.endOfText == nil)

    let configuration = JSON.object([
      "bos_token": .string("<|im_start|>"), "eos_token": .object(["content": .string("<|im_end|>")]),
    ])
    let named = try Tokenizer(tokenizerJSON: Small.json(), configuration: configuration, source: "t.json")
    #expect(named.beginOfText == 285 && named.endOfText == 286 && named.prefix == [] && named.suffix == [])
    #expect(
      refusal(json, configuration: .object(["bos_token": .string("<|im_end|>")]))
        .contains("has token 285 where tokenizer_config.json names token 286"))
    #expect(refusal(json, configuration: .object(["eos_token": .string("</s>")])).contains(#"eos_token is "</s>""#))
    let twice = template(part("SpecialToken", "!"), part("SpecialToken", "!"), part("Sequence", "A"))
    #expect(refusal(Small.json(["post_processor": twice])).contains("several tokens on one side"))
    #expect(refusal(Small.json(["post_processor": template()])).contains("no place for the text"))
    var other = begin.members ?? []
    other[3].value = try JSON(parsing: #"{"<|im_start|>":{"id":"<|im_start|>","ids":[7],"tokens":["<|im_start|>"]}}"#)
    #expect(refusal(Small.json(["post_processor": .object(other)])).contains(#"the ids "[7]" for token 285"#))
  }
}
