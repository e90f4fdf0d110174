import Records
import Tokenizers

/// A byte-level vocabulary small enough to merge by hand: byte b is token b, merges follow from 256 on.
enum SmallVocabulary {
  static let merges = [
    "h e", "l l", "he ll", "hell o", "Ġ w", "o r", "Ġw or", "l d", "Ġwor ld", "Ġ Ġ", "a a", "aa aa", "a b", "ab ab",
    "i n", "in g", "Ġ t", "t h", "Ġt h", "Ġt he", "Ã ©", "ðŁ ĺ", "ð Ł", "ĺ Ģ", "Ċ Ċ", "' s", "1 2", "12 3",
  ]

  /// GPT-2's spelling of each byte: visible bytes of Latin-1 as themselves, the others from U+0100 on.
  static let bytes: [String] = {
    let visible = [0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF].flatMap { Array($0) }
    let others = (0...0xFF).filter { !visible.contains($0) }
    return (0...0xFF).map { byte in
      let value = others.firstIndex(of: byte).map { 0x100 + $0 } ?? byte
      return Unicode.Scalar(UInt32(value)).map { String($0) } ?? ""
    }
  }()

  /// Token texts; `Ġth` is made by two merges, `Ġhidden` (284) by none.
  static let tokens: [String] = {
    var tokens = bytes
    for merge in merges {
      let text = merge.split(separator: " ").joined()
      if !tokens.contains(text) { tokens.append(text) }
    }
    return tokens + ["Ġhidden"]
  }()

  /// 285 … 288.
  static let added = ["<|im_start|>", "<|im_end|>", "<think>", "<thinking>"]

  static func vocabulary(rule: SplitRule = .gpt2, ignoreMerges: Bool = false) -> Vocabulary {
    let kinds = tokens.map { _ in TokenKind.normal } + [.control, .control, .userDefined, .userDefined]
    var vocabulary = Vocabulary(
      tokens: tokens + added, kinds: kinds, merges: merges.compactMap(Merge.init(spaced:)),
      spelling: .bytes(rule), source: "small")
    vocabulary.ignoreMerges = ignoreMerges
    vocabulary.beginOfText = 285
    vocabulary.endOfText = 286
    return vocabulary
  }

  static func tokenizer(rule: SplitRule = .gpt2, ignoreMerges: Bool = false) throws -> Tokenizer {
    try Tokenizer(vocabulary: vocabulary(rule: rule, ignoreMerges: ignoreMerges))
  }

  /// The vocabulary as a tokenizer.json, with members replaced or, by nil, left out.
  static func json(
    _ changes: [String: JSON?] = [:], model changesOfModel: [String: JSON?] = [:], mergesAsPairs: Bool = false
  ) -> JSON {
    let pairs = merges.map { text in
      mergesAsPairs ? JSON.array(text.split(separator: " ").map { .string(String($0)) }) : .string(text)
    }
    let model: [(String, JSON)] = [
      ("type", .string("BPE")), ("dropout", .null), ("unk_token", .null), ("continuing_subword_prefix", .null),
      ("end_of_word_suffix", .string("")), ("fuse_unk", .bool(false)), ("byte_fallback", .bool(false)),
      ("ignore_merges", .bool(false)),
      ("vocab", .object(tokens.enumerated().map { JSON.Member($0.element, .integer($0.offset)) })),
      ("merges", .array(pairs)),
    ]
    let entries = added.enumerated().map { offset, text in addedToken(tokens.count + offset, text) }
    let file: [(String, JSON)] = [
      ("version", .string("1.0")), ("truncation", .null), ("padding", .null), ("added_tokens", .array(entries)),
      ("normalizer", .null), ("pre_tokenizer", byteLevel()), ("post_processor", .null), ("decoder", byteLevel()),
      ("model", object(model, changesOfModel)),
    ]
    return object(file, changes)
  }

  static func addedToken(_ id: Int, _ text: String, _ changes: [String: JSON?] = [:]) -> JSON {
    let isSpecial = text.hasPrefix("<|")
    return object(
      [
        ("id", .integer(id)), ("content", .string(text)), ("single_word", .bool(false)), ("lstrip", .bool(false)),
        ("rstrip", .bool(false)), ("normalized", .bool(false)), ("special", .bool(isSpecial)),
      ], changes)
  }

  static func byteLevel(splits: Bool = true) -> JSON {
    .object([
      "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "trim_offsets": .bool(true),
      "use_regex": .bool(splits),
    ])
  }

  private static func object(_ members: [(String, JSON)], _ changes: [String: JSON?]) -> JSON {
    var result: [JSON.Member] = []
    for (key, value) in members {
      if let change = changes[key] {
        if let change { result.append(JSON.Member(key, change)) }
      } else {
        result.append(JSON.Member(key, value))
      }
    }
    for (key, value) in changes where !members.contains(where: { $0.0 == key }) {
      if let value { result.append(JSON.Member(key, value)) }
    }
    return .object(result)
  }
}
