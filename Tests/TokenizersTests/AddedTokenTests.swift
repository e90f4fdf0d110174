import Records
import Testing
import Tokenizers

@Suite struct AddedTokenTests {
  @Test func flagsMeanWhatTheyMeanToHuggingFace() throws {
    let stored = try StoredVocabulary("added-tokens.json")
    let variant = try stored.variant("flags")
    let tokenizer = try stored.tokenizer(variant)
    for entry in try StoredVocabulary.cases(variant) {
      #expect(tokenizer.encode(entry.text, parseSpecial: true) == entry.ids, "\(entry.text.debugDescription)")
    }
  }

  @Test func flagsAreInTheFingerprint() throws {
    var vocabulary = SmallVocabulary.vocabulary()
    var prints = [try Tokenizer(vocabulary: vocabulary).fingerprint]
    for rule in [
      AddedTokenRule(singleWord: true), AddedTokenRule(stripsLeft: true), AddedTokenRule(stripsRight: true),
      AddedTokenRule(isNormalized: true),
    ] {
      vocabulary.addedTokenRules[287] = rule
      prints.append(try Tokenizer(vocabulary: vocabulary).fingerprint)
    }
    #expect(Set(prints).count == 5)
    vocabulary.addedTokenRules[287] = AddedTokenRule()
    #expect(try Tokenizer(vocabulary: vocabulary).fingerprint == prints[0])
  }

  @Test func controlTokensStripNothingInAUsersText() throws {
    var vocabulary = SmallVocabulary.vocabulary()
    vocabulary.addedTokenRules[286] = AddedTokenRule(stripsLeft: true, stripsRight: true)
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(tokenizer.encode("a  <|im_end|> \n a", parseSpecial: true) == [97, 286, 97])
    let text = "a  <|im_end|> \n a"
    #expect(tokenizer.decode(tokenizer.encode(text, parseSpecial: false), skipSpecial: true) == text)
  }
}
