import Testing
import Tokenizers

@Suite struct VocabularyTests {
  private func refusal(_ change: (inout Vocabulary) -> Void) -> String {
    var vocabulary = SmallVocabulary.vocabulary()
    change(&vocabulary)
    do {
      _ = try Tokenizer(vocabulary: vocabulary)
      return "accepted"
    } catch {
      return error.description
    }
  }

  @Test func contradictionsAreRefused() {
    #expect(refusal { $0.tokens[300 - 20] = "he" } == #"small: token 280 has the text of token 256, "he""#)
    #expect(refusal { $0.merges.append(Merge("h", "e")) } == #"small: merge 28, "h e", stands twice"#)
    #expect(
      refusal { $0.merges.append(Merge("q", "zz")) }
        == #"small: merge 28, "q zz", needs the token "zz", which the vocabulary lacks"#)
    #expect(
      refusal { $0.merges.append(Merge("q", "z")) }
        == #"small: merge 28, "q z", needs the token "qz", which the vocabulary lacks"#)
    #expect(refusal { $0.kinds.removeLast() } == "small: 288 token types for 289 tokens")
    #expect(refusal { $0.endOfText = 289 } == "small: the end token has id 289; the vocabulary has 289 tokens")
    #expect(refusal { $0.beginOfText = -1 }.contains("id -1"))
    #expect(refusal { $0.kinds[70] = .byte }.contains("SentencePiece"))
    #expect(refusal { $0.tokens[284] = "" } == "small: token 284 is empty")
    #expect(refusal { $0.kinds[256] = .control } == #"small: merge 0 makes the control token "he" out of plain text"#)
    #expect(
      refusal {
        $0.beginOfText = nil
        $0.addsBeginOfText = true
      }.contains("none is named"))
  }

  @Test func canonicallyEquivalentTokensAreDistinct() {
    #expect(
      refusal {
        $0.tokens += ["\u{E9}x", "e\u{301}x"]
        $0.kinds += [.userDefined, .userDefined]
      } == "accepted")
  }

  @Test func fingerprintsTellVocabulariesApart() throws {
    let fingerprint = try SmallVocabulary.tokenizer().fingerprint
    #expect(fingerprint.utf8.count == 16)
    #expect(try SmallVocabulary.tokenizer().fingerprint == fingerprint)
    #expect(try SmallVocabulary.tokenizer(rule: .smolLM).fingerprint != fingerprint)
    var vocabulary = SmallVocabulary.vocabulary()
    vocabulary.merges.swapAt(0, 1)
    #expect(try Tokenizer(vocabulary: vocabulary).fingerprint != fingerprint)
    vocabulary = SmallVocabulary.vocabulary()
    vocabulary.tokens.swapAt(284, 283)
    #expect(try Tokenizer(vocabulary: vocabulary).fingerprint != fingerprint)
  }

  @Test func fromGGUF() throws {
    let small = SmallVocabulary.vocabulary()
    func vocabulary(pre: String, types: [Int]? = nil, merges: [String] = SmallVocabulary.merges) throws -> Vocabulary {
      let numbers = types ?? small.kinds.map { $0 == .control ? 3 : $0 == .userDefined ? 4 : 1 }
      return try Vocabulary(
        ggufTokens: small.tokens, types: numbers, merges: merges, preTokenizer: pre, beginOfText: 285, endOfText: 286,
        addsBeginOfText: nil, addsEndOfText: nil, source: "a.gguf")
    }
    let tokenizer = try Tokenizer(vocabulary: vocabulary(pre: "gpt-2"))
    #expect(tokenizer.fingerprint == (try SmallVocabulary.tokenizer().fingerprint))
    #expect(tokenizer.encode("hello", addSpecialTokens: true, parseSpecial: false) == [259])
    let llama = try Tokenizer(vocabulary: vocabulary(pre: "llama-bpe"))
    #expect(llama.encode(" hidden", addSpecialTokens: true, parseSpecial: false) == [285, 284])
    #expect(throws: TokenizerError.self) { try vocabulary(pre: "tekken") }
    #expect(throws: TokenizerError.self) { try vocabulary(pre: "gpt-2", types: [7]) }
    for merge in ["he", "h e y", " e", "h ", ""] {
      #expect(throws: TokenizerError.self) { try vocabulary(pre: "gpt-2", merges: [merge]) }
    }
  }
}
