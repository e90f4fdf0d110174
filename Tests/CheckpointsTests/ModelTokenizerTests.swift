import Checkpoints
import GoldenData
import Kernels
import Records
import TemporaryFolders
import Testing
import Tokenizers
import TinyModels

/// The tokenizer in a GGUF file, and the one in the directory that is made of it.
struct ModelTokenizerTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func gguf(_ change: (inout GGUFWriter) -> Void = { _ in }) throws -> String {
    var file = SmallModel().gguf()
    change(&file)
    return try folder.write(file.encoded, to: "model.gguf")
  }

  private func exported(_ path: String, as type: WeightType = .bf16) throws -> String {
    try ModelExport(model: path, adapter: nil).write(to: folder.file("out"), as: type, products: Products(threads: 2))
    return folder.file("out")
  }

  private func json(_ name: String) throws -> JSON { try JSON(parsing: folder.read("out/" + name)) }

  private static let texts = [
    "hello world", " hello  world\n\n12 hello123", "<|im_start|>user\nhello<|im_end|>", "it's <think>\r\n\té ½ 😀", "",
  ]

  private func expectAgreement(_ path: String) throws {
    let own = try ModelTokenizer.open(path)
    let other = try ModelTokenizer.open(exported(path))
    #expect(own.tokenizer.fingerprint == other.tokenizer.fingerprint)
    #expect(own.endOfTurn == other.endOfTurn)
    #expect(own.stopTokens == other.stopTokens)
    #expect(own.template.endOfTurn == other.template.endOfTurn)
    #expect(own.tokenizer.beginOfText == other.tokenizer.beginOfText)
    #expect(own.tokenizer.prefix == other.tokenizer.prefix)
    for text in Self.texts {
      for parseSpecial in [true, false] {
        let tokens = own.tokenizer.encode(text, parseSpecial: parseSpecial)
        #expect(tokens == other.tokenizer.encode(text, parseSpecial: parseSpecial))
        #expect(own.tokenizer.decode(tokens, skipSpecial: false) == text)
      }
    }
  }

  @Test(arguments: [
    "gpt-2", "smollm", "llama-bpe", "qwen2", "starcoder", "command-r", "falcon", "deepseek-llm", "deepseek-coder",
    "dbrx",
  ])
  func theExportedTokenizerIsTheSame(_ rule: String) throws {
    try expectAgreement(gguf { $0.set("tokenizer.ggml.pre", .string(rule)) })
  }

  /// Specials, bytes, eleven pieces and a user-defined token: as many as the model's own vocabulary has.
  private static let sentencePieces =
    Array(SmallModel.tokens.prefix(3))
    + (0...255).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
    } + ["\u{2581}", "h", "e", "l", "o", "he", "ll", "hell", "hello", "\u{2581}hello", "\u{2581}\u{2581}", "<think>"]

  @Test(arguments: [true, false])
  func theExportedTokenizerOfScoresIsTheSame(addsSpacePrefix: Bool) throws {
    let path = try gguf { file in
      let count = Self.sentencePieces.count
      let kinds = (0..<count).map { Int32($0 < 3 ? 3 : $0 < 259 ? 6 : $0 < count - 1 ? 1 : 4) }
      let scores = (0..<count).map { Float($0 < 264 ? 0 : -$0) }
      file.set("tokenizer.ggml.model", .string("llama"))
      file.set("tokenizer.ggml.pre", .string("default"))
      file.set("tokenizer.ggml.tokens", .strings(Self.sentencePieces))
      file.set("tokenizer.ggml.token_type", .integers(kinds))
      file.set("tokenizer.ggml.scores", .floats(scores))
      file.set("tokenizer.ggml.merges", nil)
      file.set("tokenizer.ggml.add_space_prefix", .bool(addsSpacePrefix))
    }
    let own = try ModelTokenizer.open(path).tokenizer
    let other = try ModelTokenizer.open(exported(path)).tokenizer
    #expect(own.prefix == [1] && other.prefix == [1])
    #expect(own.encode(" hello", parseSpecial: true) == (addsSpacePrefix ? [259, 268] : [268]))
    for text in Self.texts {
      for position in [TextPosition.start, .behindAddedToken, .withinText] {
        #expect(own.addsPrefixSpace(at: position) == other.addsPrefixSpace(at: position))
        let tokens = own.encode(text, parseSpecial: true, at: position)
        #expect(tokens == other.encode(text, parseSpecial: true, at: position))
        #expect(other.decode(tokens, skipSpecial: false) == own.decode(tokens, skipSpecial: false))
      }
      // Behind an added token the space in front of the text stays, as with Hugging Face's decoders.
      let kept = text.utf8.split(separator: UInt8(ascii: "<")).first.map { String(decoding: $0, as: UTF8.self) } ?? ""
      #expect(own.decode(own.encode(kept, parseSpecial: false), skipSpecial: false, at: .start) == kept)
    }
    let file = try json("tokenizer.json")
    #expect(file["pre_tokenizer"] == .null)
    #expect(file["model"]?["unk_token"]?.string == "<|endoftext|>")
    #expect(file["model"]?["merges"]?.array?.first?.string == "h e")
    #expect(file["normalizer"]?["type"]?.string == (addsSpacePrefix ? "Sequence" : "Replace"))
  }

  @Test(.enabled(if: GoldenData.modelPath != nil, Comment(rawValue: GoldenData.modelComment)))
  func theExportedTokenizerOfTheRealModelIsTheSame() throws {
    try expectAgreement(try #require(GoldenData.modelPath))
  }

  /// The stages as the published tokenizer.json of each model has them.
  @Test(arguments: [
    (
      "gpt-2", "null",
      #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#
    ),
    (
      "smollm", "null",
      #"{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},"#
        + #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}"#
    ),
    (
      "llama-bpe",
      #"{"type":"Sequence","processors":["#
        + #"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true},"#
        + #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|im_start|>","type_id":0}},"#
        + #"{"Sequence":{"id":"A","type_id":0}}],"pair":[{"SpecialToken":{"id":"<|im_start|>","type_id":0}},"#
        + #"{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<|im_start|>","type_id":1}},"#
        + #"{"Sequence":{"id":"B","type_id":1}}],"#
        + #""special_tokens":{"<|im_start|>":{"id":"<|im_start|>","ids":[1],"tokens":["<|im_start|>"]}}}]}"#,
      #"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"#
        + #"[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"#
        + #""behavior":"Isolated","invert":false},"#
        + #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}"#
    ),
  ])
  func stages(_ rule: String, _ postProcessor: String, _ preTokenizer: String) throws {
    _ = try exported(gguf { $0.set("tokenizer.ggml.pre", .string(rule)) })
    let file = try json("tokenizer.json")
    #expect(file["pre_tokenizer"]?.text == preTokenizer)
    #expect(file["post_processor"]?.text == postProcessor)
    #expect(file["model"]?["ignore_merges"]?.bool == (rule == "llama-bpe"))
    #expect(file["normalizer"] == .null)
  }

  @Test func addedTokensSayWhatTheyAreFor() throws {
    _ = try exported(gguf())
    let file = try json("tokenizer.json")
    let added = try #require(file["added_tokens"]?.array)
    #expect(added.map { $0["content"]?.string } == ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>"])
    #expect(added.map { $0["special"]?.bool } == [true, true, true, false])
    #expect(added.last?["id"]?.integer == SmallModel.tokens.count - 1)
    // The last one stands behind all of the model's own tokens, so it is none of them.
    #expect(file["model"]?["vocab"]?.members?.count == SmallModel.tokens.count - 1)
    #expect(file["model"]?["merges"]?.array?.count == SmallModel.merges.count)
    let configuration = try json("tokenizer_config.json")
    #expect(configuration["chat_template"]?.string == SmallModel.template)
    #expect(configuration["eos_token"]?.string == "<|im_end|>")
    #expect(configuration["pad_token"]?.string == "<|endoftext|>")
    #expect(configuration["unk_token"] == nil)
    #expect(try json("generation_config.json")["eos_token_id"] == .integer(2))
  }

  @Test func severalEndTokensAreKept() throws {
    _ = try exported(gguf { $0.set("tokenizer.ggml.eot_token_id", .unsigned(0)) })
    #expect(try json("generation_config.json")["eos_token_id"]?.text == "[0,2]")
    #expect(try ModelTokenizer.open(folder.file("out")).stopTokens == [0, 2])
  }

  /// Embeddings are often padded; the vocabulary then ends with tokens that nothing makes.
  @Test func paddingOfTheVocabularyIsLeftAway() throws {
    let count = SmallModel.tokens.count
    let path = try gguf { file in
      let kinds = SmallModel.tokens.indices.map { Int32($0 < 3 ? 3 : $0 >= count - 2 ? 5 : 1) }
      file.set("tokenizer.ggml.token_type", .integers(kinds))
      file.set("tokenizer.ggml.tokens", .strings(SmallModel.tokens.dropLast(2) + ["[PAD1]", "[PAD2]"]))
      file.set("tokenizer.ggml.merges", .strings(SmallModel.merges.dropLast()))
    }
    let tokenizer = try ModelTokenizer.open(exported(path)).tokenizer
    #expect(tokenizer.vocabularySize == count - 2)
    #expect(try json("config.json")["vocab_size"]?.integer == count)
  }

  @Test func twoTokensOfOneTextCannotBeExported() throws {
    let path = try gguf { file in
      var tokens = SmallModel.tokens
      tokens[3] = "!"
      file.set("tokenizer.ggml.tokens", .strings(tokens))
      file.set(
        "tokenizer.ggml.token_type", .integers(tokens.indices.map { $0 < 3 ? 3 : tokens[$0] == "!" && $0 > 3 ? 5 : 1 }))
    }
    #expect(failure { _ = try exported(path) }.contains("has the text of another, which tokenizer.json cannot hold"))
  }

  @Test func vocabulariesThatCannotBeUsed() throws {
    func refusal(_ change: (inout GGUFWriter) -> Void) throws -> String {
      let path = try gguf(change)
      let opening = failure { _ = try ModelTokenizer.open(path) }
      // The weights could be read; the tokenizer stops the export before anything is written.
      #expect(failure { _ = try exported(path) } == opening)
      #expect(folder.names == ["model.gguf"])
      return String(opening.dropFirst(path.count + 2))
    }
    #expect(
      try refusal { $0.set("tokenizer.ggml.model", .string("llama")) }
        == "there is no vocabulary: tokenizer.ggml.tokens and scores")
    #expect(
      try refusal { $0.set("tokenizer.ggml.model", .string("bert")) }
        == "the tokenizer is of kind \"bert\" (WordPiece), expected \"gpt2\" (byte-level BPE) or \"llama\" (SentencePiece)"
    )
    #expect(
      try refusal { $0.set("tokenizer.ggml.merges", nil) }
        == "there is no vocabulary: tokenizer.ggml.tokens and merges")
    #expect(try refusal { $0.set("tokenizer.ggml.pre", .string("tekken")) }.contains("\"tekken\""))
    #expect(
      try refusal { $0.set("tokenizer.ggml.eot_token_id", .unsigned(9999)) }
        == "the end token 9999 is outside the vocabulary")
    #expect(
      try refusal { $0.set("tokenizer.ggml.eos_token_id", .unsigned(9999)) }.contains("the end token has id 9999"))
    #expect(
      try refusal { $0.set("tokenizer.chat_template", .string("{{ bos }}[INST]")) }
        == "the chat template leaves out a question that is plain text")
  }

  @Test func directoriesWithoutATokenizerOrWithAPointer() throws {
    try SmallModel().write(to: folder)
    let error = try #require(#expect(throws: CheckpointError.self) { _ = try ModelTokenizer.open(folder.path) })
    #expect(error.isMissing && error.reason == "there is no tokenizer.json")
    try folder.write("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", to: "tokenizer.json")
    #expect(failure { _ = try ModelTokenizer.open(folder.path) }.contains("tokenizer.json: a Git LFS pointer"))
    // Copying the pointer would make a directory that nothing can load.
    #expect(failure { _ = try exported(folder.path) }.contains("tokenizer.json: a Git LFS pointer"))
  }
}
