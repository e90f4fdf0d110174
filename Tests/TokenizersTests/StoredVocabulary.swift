import Records
import TemporaryFolders
import Testing
import Tokenizers

/// A vocabulary in Tests/StoredVocabularies with what other programs make of texts; its script says how.
struct StoredVocabulary {
  /// A text and what another program makes of it.
  struct Case {
    let text: String
    let ids: [Int32]
    /// The text of the ids again, where the program was asked.
    let decoded: String?
    /// Whether special tokens were recognised.
    let parsesSpecial: Bool
  }

  let file: JSON

  init(_ name: String) throws {
    // …/checkout/Tests/TokenizersTests/StoredVocabulary.swift
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    let path = parts.dropLast(2).joined(separator: "/") + "/StoredVocabularies/" + name
    file = try JSON(parsing: try #require(TemporaryFolder.content(of: path)))
  }

  var variants: [JSON] { file["variants"]?.array ?? [] }

  static func cases(_ variant: JSON) throws -> [Case] {
    let cases = try #require(variant["cases"]?.array)
    #expect(cases.count > 50)
    return try cases.map { entry in
      let ids = try #require(entry["ids"]?.array).map { Int32(try #require($0.integer)) }
      return Case(
        text: try #require(entry["text"]?.string), ids: ids, decoded: entry["decoded"]?.string,
        parsesSpecial: entry["special"]?.bool ?? true)
    }
  }

  func variant(_ name: String) throws -> JSON { try #require(variants.first { $0["name"]?.string == name }) }

  /// The whole tokenizer.json of a variant.
  func tokenizerJSON(_ variant: JSON) throws -> JSON {
    var members = try #require(variant["stages"]?.members)
    let place = try #require(members.firstIndex { $0.key == "model" })
    var model = try #require(members[place].value.members)
    model.insert(JSON.Member("type", .string("BPE")), at: 0)
    for key in ["vocab", "merges"] { model.append(JSON.Member(key, try #require(file[key]))) }
    members[place].value = .object(model)
    return .object(members)
  }

  func tokenizer(_ variant: JSON) throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: tokenizerJSON(variant), source: "stored")
  }

  /// The vocabulary with scores, as a GGUF file holds it.
  func scoredVocabulary(_ variant: JSON) throws -> Vocabulary {
    try Vocabulary(
      ggufTokens: #require(file["tokens"]?.array).compactMap(\.string),
      scores: #require(file["scores"]?.array).compactMap { $0.double.map { Float($0) } },
      types: #require(file["types"]?.array).compactMap(\.integer),
      addsSpacePrefix: variant["add_space_prefix"]?.bool, beginOfText: 1, endOfText: 2, unknown: 0,
      addsBeginOfText: nil, addsEndOfText: nil, modelName: variant["name"]?.string, source: "stored")
  }
}

extension String {
  /// Strings that are canonically equivalent are equal; texts of tokens must be the same scalars.
  var scalars: [Unicode.Scalar] { Array(unicodeScalars) }
}
