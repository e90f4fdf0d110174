import Checkpoints
import TemporaryFolders
import Testing
import Tokenizers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

enum VocabularyFolder {
  static let path = getenv("NLFT_VOCABULARIES").map { String(cString: $0) }
}

/// The vocabularies that llama.cpp's sources have in `models/`, each with texts and the ids that the original
/// tokenizers make of them. They are large and no part of the project; `NLFT_VOCABULARIES` names their folder.
@Suite(
  .enabled(
    if: VocabularyFolder.path != nil,
    "needs the vocabularies of llama.cpp: set NLFT_VOCABULARIES to the models folder of its sources"))
struct VocabularyFolderTests {
  private func path(_ name: String) throws -> String {
    try #require(VocabularyFolder.path) + "/ggml-vocab-\(name).gguf"
  }

  @Test(arguments: [
    "command-r", "deepseek-coder", "deepseek-llm", "falcon", "gpt-2", "llama-bpe", "llama-spm", "mpt", "phi-3", "qwen2",
    "refact", "starcoder",
  ])
  func agrees(_ name: String) throws {
    let path = try path(name)
    let tokenizer = try Tokenizer(vocabulary: Vocabulary(ggufPath: path))
    let input = try #require(TemporaryFolder.content(of: path + ".inp"))
    let output = try #require(TemporaryFolder.content(of: path + ".out"))
    let texts = Self.split(input, at: Array("\n__ggml_vocab_test__\n".utf8))
    let lines = Self.split(output, at: [0x0A])
    // A separator stands behind each text and behind each line.
    #expect(texts.count > 40 && texts.count == lines.count)
    #expect(texts.last?.isEmpty == true && lines.last?.isEmpty == true)
    for (text, line) in zip(texts, lines).dropLast() {
      let expected = line.split(separator: " ").compactMap { Int32($0) }
      #expect(tokenizer.encode(text, parseSpecial: false) == expected, "\(text.debugDescription)")
    }
  }

  @Test(arguments: [
    ("aquila", #"tokenizer.ggml.pre is "default""#), ("gpt-neox", #"tokenizer.ggml.pre is "default""#),
    ("bert-bge", #""bert" (WordPiece)"#), ("nomic-bert-moe", #""t5" (unigram)"#),
  ])
  func refuses(_ name: String, _ reason: String) throws {
    let path = try path(name)
    let error = try #require(throws: (any Error).self) { _ = try Vocabulary(ggufPath: path) }
    #expect("\(error)".hasPrefix(path) && "\(error)".contains(reason), "\(error)")
  }

  /// No texts come with it; it is of a kind that is supported.
  @Test func baichuanIsRead() throws {
    let tokenizer = try Tokenizer(vocabulary: Vocabulary(ggufPath: path("baichuan")))
    let text = "Hello world, 你好 1234\n"
    #expect(tokenizer.decode(tokenizer.encode(text, parseSpecial: false), skipSpecial: true, at: .start) == text)
  }

  private static func split(_ bytes: [UInt8], at separator: [UInt8]) -> [String] {
    var parts: [String] = []
    var start = 0
    var index = 0
    while index + separator.count <= bytes.count {
      if bytes[index..<index + separator.count].elementsEqual(separator) {
        parts.append(String(decoding: bytes[start..<index], as: UTF8.self))
        index += separator.count
        start = index
      } else {
        index += 1
      }
    }
    return parts + [String(decoding: bytes[start...], as: UTF8.self)]
  }
}
