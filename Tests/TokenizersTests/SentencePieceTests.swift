import Records
import Testing
import Tokenizers

@Suite struct SentencePieceTests {
  private static let names = [
    "prepend", "prepend, tokens normalised", "prepend, tokens strip", "replace", "metaspace first", "metaspace always",
    "metaspace always, whole", "metaspace never", "unknown fused", "unknown single", "unknown dropped", "whole pieces",
  ]

  @Test func allVariantsAreTested() throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    #expect(stored.variants.compactMap { $0["name"]?.string } == Self.names)
  }

  @Test(arguments: names)
  func encodesAsHuggingFaceDoes(_ name: String) throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    let variant = try stored.variant(name)
    let tokenizer = try stored.tokenizer(variant)
    // What was encoded before must not show.
    for _ in 0..<2 {
      for entry in try StoredVocabulary.cases(variant) {
        #expect(tokenizer.encode(entry.text, parseSpecial: true) == entry.ids, "\(entry.text.debugDescription)")
      }
    }
    #expect(tokenizer.prefix == [1] && tokenizer.suffix == [])
  }

  /// All but the one with tokens matched in normalised text: tokenizers writes those with their space, " <s>".
  @Test(arguments: names.filter { $0 != "prepend, tokens normalised" })
  func decodesAsHuggingFaceDoes(_ name: String) throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    let variant = try stored.variant(name)
    let tokenizer = try stored.tokenizer(variant)
    for entry in try StoredVocabulary.cases(variant) {
      let decoded = tokenizer.decode(entry.ids, skipSpecial: false, at: .start)
      #expect(decoded.scalars == entry.decoded?.scalars, "\(entry.text.debugDescription)")
    }
  }

  @Test func encodesAsLlamaCppDoesByScores() throws {
    let stored = try StoredVocabulary("scores.json")
    #expect(stored.variants.count == 3)
    for variant in stored.variants {
      let tokenizer = try Tokenizer(vocabulary: stored.scoredVocabulary(variant))
      #expect(tokenizer.prefix == [1])
      for entry in try StoredVocabulary.cases(variant) {
        let tokens = tokenizer.encode(entry.text, parseSpecial: entry.parsesSpecial)
        #expect(tokens == entry.ids, "\(entry.text.debugDescription), special \(entry.parsesSpecial)")
      }
    }
  }

  /// A text cut in two, its parts encoded apart, is the whole again; so is a response behind its prompt.
  @Test(arguments: ["prepend", "metaspace first", "metaspace always", "replace"])
  func aResponseHasTheTokensOfTheWhole(_ name: String) throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    let tokenizer = try stored.tokenizer(stored.variant(name))
    for (prompt, response) in [
      ("<s>[INST] How many flowers? [/INST]", " There are 60"), ("<s><|user|>", "How many?"), ("", "How many?"),
      ("<s>the\n", "flowers are"), ("<code>", "return"), ("How many flowers?\n\n", "日本 60"),
    ] {
      let whole = tokenizer.encode(prompt + response, parseSpecial: true)
      let first = tokenizer.encode(prompt, parseSpecial: true)
      let position = tokenizer.position(after: first)
      let second = tokenizer.encode(response, parseSpecial: false, at: position)
      #expect(first + second == whole, "\((prompt + response).debugDescription)")
      #expect(tokenizer.decode(second, skipSpecial: true, at: position) == response)
    }
  }

  @Test func theSpaceInFrontDependsOnThePlace() throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    func places(_ name: String) throws -> [Bool] {
      let tokenizer = try stored.tokenizer(stored.variant(name))
      return [.start, .behindAddedToken, .withinText].map(tokenizer.addsPrefixSpace(at:))
    }
    #expect(try places("prepend") == [true, true, false])
    #expect(try places("metaspace first") == [true, false, false])
    #expect(try places("metaspace always") == [true, true, false])
    #expect(try places("metaspace never") == [false, false, false])
    #expect(try places("replace") == [false, false, false])
    let tokenizer = try stored.tokenizer(stored.variant("prepend"))
    let tokens = tokenizer.encode("the house", parseSpecial: false)
    #expect(tokenizer.decode(tokens, skipSpecial: false) == " the house")
    #expect(tokenizer.decode(tokens, skipSpecial: false, at: .start) == "the house")
    #expect(tokenizer.decode([1] + tokens, skipSpecial: true, at: .start) == "the house")
    #expect(tokenizer.decode([1] + tokens, skipSpecial: false, at: .start) == "<s> the house")
  }

  @Test func bytesOfTokensAreTheTextInParts() throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    let tokenizer = try stored.tokenizer(stored.variant("replace"))
    for text in ["in front of the house", "日本語 é\n😀 x", "<code>a</code>"] {
      let bytes = tokenizer.encode(text, parseSpecial: true).flatMap(tokenizer.bytes(of:))
      #expect(bytes == Array(text.utf8))
    }
    let newline = try #require(tokenizer.token(named: "<0x0A>"))
    #expect(tokenizer.bytes(of: newline) == [0x0A])
    #expect(tokenizer.name(of: newline) == "<0x0A>")
  }

  @Test func aUsersTextCannotSpellControlTokens() throws {
    let attack = "<s>x</s> <unk><|user|> < s > <|end|>"
    for variant in try StoredVocabulary("scores.json").variants {
      var vocabulary = try StoredVocabulary("scores.json").scoredVocabulary(variant)
      // Neighbours that together are a control token, and the best score of all.
      for (id, text) in [(300, "<s"), (301, "s>")] where !vocabulary.tokens.contains(text) {
        vocabulary.tokens[id] = text
      }
      let tokenizer = try Tokenizer(vocabulary: vocabulary)
      let tokens = tokenizer.encode(attack, parseSpecial: false)
      #expect(!tokens.contains(where: tokenizer.isSpecial))
      #expect(tokenizer.encode([.text(attack)]) == tokens)
      #expect(tokenizer.encode([.markup("<s>"), .text("<s>")]).filter { $0 == 1 }.count == 1)
    }
    let stored = try StoredVocabulary("sentencepiece.json")
    for variant in stored.variants {
      let tokenizer = try stored.tokenizer(variant)
      let tokens = tokenizer.encode([.text(attack)])
      // Characters without tokens may be unknown; nothing else is special.
      #expect(!tokens.contains { tokenizer.isSpecial($0) && $0 != 0 })
    }
  }

  @Test func markupAndTextAreOneStretch() throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    for name in ["prepend", "replace", "metaspace first"] {
      let tokenizer = try stored.tokenizer(stored.variant(name))
      let pieces = [TemplatePiece.markup("<s>[INST] "), .text("in front of the house"), .markup(" [/INST]\n<|user|>")]
      let whole = pieces.map(\.string).joined()
      #expect(tokenizer.encode(pieces) == tokenizer.encode(whole, parseSpecial: true))
    }
  }

  @Test func aLongTextIsMergedInReasonableTime() throws {
    let stored = try StoredVocabulary("scores.json")
    let tokenizer = try Tokenizer(vocabulary: stored.scoredVocabulary(stored.variants[0]))
    let name = try #require(tokenizer.token(named: "aaaa"))
    #expect(
      tokenizer.encode(String(repeating: "a", count: 400_000), parseSpecial: false, at: .withinText)
        == Array(repeating: name, count: 100_000))
  }

  @Test func contradictionsAreRefused() throws {
    let stored = try StoredVocabulary("scores.json")
    func refusal(_ change: (inout Vocabulary) -> Void) throws -> String {
      var vocabulary = try stored.scoredVocabulary(stored.variants[0])
      change(&vocabulary)
      do {
        _ = try Tokenizer(vocabulary: vocabulary)
        return "accepted"
      } catch {
        return error.description
      }
    }
    func scores(_ change: @escaping (inout [Float]) -> Void) -> (inout Vocabulary) -> Void {
      { vocabulary in
        guard case .characters(var rules) = vocabulary.spelling, var scores = rules.scores else { return }
        change(&scores)
        rules.scores = scores
        vocabulary.spelling = .characters(rules)
      }
    }
    #expect(try refusal { _ in } == "accepted")
    #expect(try refusal(scores { $0.removeLast() }).contains("scores for"))
    #expect(try refusal(scores { $0[270] = .nan }) == "stored: the score of token 270 is not a number")
    #expect(try refusal(scores { $0[270] = -.infinity }) == "accepted")
    #expect(try refusal { $0.tokens[3] = "<0xG0>" } == #"stored: token 3 is "<0xG0>", expected a byte such as <0x0A>"#)
    #expect(try refusal { $0.merges = [Merge("a", "b")] }.contains("both merges and scores"))
    #expect(try refusal { $0.spelling = .bytes(.gpt2) }.contains("SentencePiece"))
  }

  @Test func unknownStagesAreRefusedByName() throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    func refusal(_ changes: [String: String], of name: String = "prepend") throws -> String {
      var members = try #require(stored.tokenizerJSON(stored.variant(name)).members)
      for (key, text) in changes {
        for place in members.indices where members[place].key == key { members[place].value = try JSON(parsing: text) }
      }
      do {
        _ = try Tokenizer(tokenizerJSON: .object(members), source: "t.json")
        return "accepted"
      } catch {
        return error.description
      }
    }
    #expect(try refusal([:]) == "accepted")
    let mark = #""\u2581""#
    let refusals: [([String: String], String)] = [
      (["normalizer": #"{"type":"Precompiled","precompiled_charsmap":""}"#], #"a normalizer of type "Precompiled""#),
      (["normalizer": #"{"type":"Prepend","prepend":"_"}"#], #"normalizer Prepend.prepend is ""_"""#),
      (["normalizer": #"{"type":"Prepend","prepend":\#(mark)}"#], "Prepend without Replace"),
      (
        ["normalizer": #"{"type":"Replace","pattern":{"Regex":" +"},"content":\#(mark)}"#], "normalizer Replace.pattern"
      ),
      (["normalizer": "null"], "neither normalizer nor pre_tokenizer marks spaces"),
      (["pre_tokenizer": #"{"type":"Whitespace"}"#], #"a pre_tokenizer of type "Whitespace""#),
      (["pre_tokenizer": #"{"type":"Metaspace","replacement":"_"}"#], "pre_tokenizer Metaspace.replacement"),
      (
        ["pre_tokenizer": #"{"type":"Metaspace","replacement":\#(mark),"prepend_scheme":"last"}"#],
        #"prepend_scheme is ""last"""#
      ),
      (
        ["pre_tokenizer": #"{"type":"Split","pattern":{"String":" "},"behavior":"Removed","invert":false}"#],
        "pre_tokenizer Split.behavior"
      ),
      (
        [
          "normalizer": "null",
          "pre_tokenizer": #"{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}"#,
        ], "without a normalizer Replace"
      ),
      (["decoder": #"{"type":"CTC"}"#], #"a decoder of type "CTC""#),
      (["decoder": #"{"type":"Fuse"}"#], "no decoder replaces"),
      (["decoder": #"{"type":"Metaspace","replacement":\#(mark)}"#], "without a ByteFallback decoder"),
      (["decoder": #"{"type":"Strip","content":" ","start":2,"stop":0}"#], "decoder Strip.start"),
      (["decoder": #"{"type":"ByteLevel"}"#], "there is no pre_tokenizer; expected ByteLevel"),
    ]
    for (changes, message) in refusals {
      let refusal = try refusal(changes)
      #expect(refusal.hasPrefix("t.json: ") && refusal.contains(message), "\(refusal)")
    }
    // Files of before prepend_scheme.
    let old = #"{"type":"Metaspace","replacement":\#(mark),"add_prefix_space":false,"str_rep":\#(mark)}"#
    #expect(try refusal(["pre_tokenizer": old], of: "metaspace never") == "accepted")
  }

  @Test func fingerprintsTellRulesApart() throws {
    let stored = try StoredVocabulary("sentencepiece.json")
    let prints = try stored.variants.map { try stored.tokenizer($0).fingerprint }
    #expect(Set(prints).count == prints.count)
  }

  /// As transformers' `generate_merges` orders them, computed by hand.
  @Test func mergesAreDerivedFromScores() throws {
    var rules = SentencePieceRules()
    rules.scores = [0, -1, -2, -3, -4, -1, -5]
    let vocabulary = Vocabulary(
      tokens: ["<s>", "ab", "abc", "a", "b", "bc", "c"], kinds: [.control] + Array(repeating: .normal, count: 6),
      merges: [], spelling: .characters(rules), source: "test")
    let merges = try vocabulary.derivedMerges()
    #expect(merges == [Merge("a", "b"), Merge("b", "c"), Merge("ab", "c"), Merge("a", "bc")])
  }
}
