import Foundation
import Records
import Templates
import Testing
import Tokenizers

@Suite struct PromptSetTests {
  private func prompts(_ text: String) throws -> PromptSet {
    try PromptSet(JSON(parsing: text), source: "p.json")
  }

  private func prompts(system: String, user: String) throws -> PromptSet {
    let prompt = JSON.object(["system": .string(system), "user": .string(user)])
    return try PromptSet(
      .object(["base": prompt, "standard": prompt, "judge": prompt, "critique": prompt]), source: "p.json")
  }

  private func refusal(_ text: String) -> String {
    do {
      _ = try prompts(text)
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  @Test func theFileInPipelinesIsTheDefault() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = try String(contentsOf: root.appending(path: "pipelines/prompts.json"), encoding: .utf8)
    #expect(file == PromptSet.defaultText + "\n")
    #expect(try prompts(file).fingerprint == PromptSet.defaults().fingerprint)
  }

  @Test func defaultsAskForWhatTheMethodNeeds() throws {
    let defaults = try PromptSet.defaults()
    #expect(defaults.requiredFields(.base) == [.question])
    #expect(defaults.requiredFields(.standard) == [.question, .answer])
    #expect(defaults.requiredFields(.judge) == [.question, .judgment])
    #expect(defaults.requiredFields(.critique) == [.question, .answer, .output])
    let fields = PromptFields(question: "2+2?", answer: "4", judgment: "5 is wrong", output: "5")
    #expect(try defaults.messages(.base, fields: fields) == [ChatMessage(role: .user, content: "2+2?")])
    for kind in PromptKind.allCases {
      let user = try #require(try defaults.messages(kind, fields: fields).last)
      #expect(user.role == .user && user.content.contains("2+2?") && !user.content.contains("{"))
    }
  }

  @Test func variablesOfTheTemplate() throws {
    let defaults = try PromptSet.defaults()
    #expect(defaults.templateVariables.isEmpty)
    let brace = try #require(PromptSet.defaultText.firstIndex(of: "{"))
    func with(_ template: String) -> String {
      "{\"template\": \(template)," + PromptSet.defaultText[PromptSet.defaultText.index(after: brace)...]
    }
    let set = try self.prompts(with(#"{"enable_thinking": false, "budget": 7, "share": 0.5, "names": ["a", null]}"#))
    #expect(
      set.templateVariables == [
        .init("enable_thinking", .bool(false)), .init("budget", .int(7)), .init("share", .double(0.5)),
        .init("names", .list([.string("a"), .none])),
      ])
    #expect(set.fingerprint != defaults.fingerprint)
    #expect(try self.prompts(with("{}")).fingerprint == defaults.fingerprint)
    #expect(refusal(with("[]")).contains("template is an array, not an object"))
    #expect(refusal(with(#"{"messages": []}"#)).contains("template.messages cannot be set"))
  }

  @Test func instructionsBecomeTheSystemMessage() throws {
    let set = try prompts(system: "{instruction}", user: "{question}")
    let user = ChatMessage(role: .user, content: "q")
    #expect(
      try set.messages(.base, fields: PromptFields(instruction: "Be brief.", question: "q"))
        == [ChatMessage(role: .system, content: "Be brief."), user])
    #expect(try set.messages(.base, fields: PromptFields(question: "q")) == [user])
    #expect(try set.messages(.base, fields: PromptFields(instruction: "", question: "q")) == [user])
    #expect(try prompts(system: "", user: "{question}").messages(.judge, fields: PromptFields(question: "q")) == [user])
    let mixed = try prompts(system: "Rules: {instruction}", user: "{question}")
    #expect(mixed.requiredFields(.base) == [.instruction, .question])
    #expect(throws: PromptError.missingField(.instruction, .base)) {
      try mixed.messages(.base, fields: PromptFields(question: "q"))
    }
  }

  @Test func holesAreFilledOnceAndBracesKept() throws {
    let set = try prompts(system: "{{instruction}}", user: "a{{b}}{question}{answer}{{{question}}}")
    let messages = try set.messages(.standard, fields: PromptFields(question: "{answer}", answer: "x}"))
    #expect(messages.map(\.content) == ["{instruction}", "a{b}{answer}x}{{answer}}"])
  }

  @Test func missingFieldsAreNamed() throws {
    let defaults = try PromptSet.defaults()
    for (kind, hole) in [(PromptKind.standard, PromptHole.answer), (.judge, .judgment), (.critique, .answer)] {
      #expect(throws: PromptError.missingField(hole, kind)) {
        try defaults.messages(kind, fields: PromptFields(question: "q"))
      }
    }
    #expect(
      PromptError.missingField(.answer, .standard).description
        == "the field \"answer\" is missing, which the standard prompt needs")
  }

  @Test func malformedPromptsAreRefused() {
    func base(_ prompt: String) -> String {
      refusal(#"{"base":\#(prompt),"standard":{"user":"a"},"judge":{"user":"a"},"critique":{"user":"a"}}"#)
    }
    #expect(base(#"{"user":"{question}"}"#) == "accepted")
    #expect(base(#"{"user":"{quest}"}"#).contains("p.json: base: unknown hole {quest}; holes are {instruction}"))
    #expect(base(#"{"user":"a { b"}"#).contains("base: a lone '{'"))
    #expect(base(#"{"user":"a } b"}"#).contains("base: a lone '}'"))
    #expect(base(#"{"user":"{question}}"}"#).contains("a lone '}'"))
    #expect(base(#"{"system":"a"}"#).contains("base.user is missing or empty"))
    #expect(base(#"{"user":3}"#).contains("base.user is a number, not a string"))
    #expect(base(#"{"user":"a","assistant":"b"}"#).contains("base.assistant is unknown"))
    #expect(base("[]").contains("base is an array, not an object"))
    #expect(refusal(#"{"base":{"user":"a"}}"#).contains(#"the prompt "standard" is missing"#))
    #expect(refusal(#"{"bse":{"user":"a"}}"#).contains(#"there is no prompt "bse""#))
    #expect(refusal("3").contains("the prompts are a number, not an object"))
  }

  @Test func fingerprintsTellTextsApart() throws {
    let one = try prompts(system: "a", user: "b").fingerprint
    #expect(try prompts(system: "ab", user: "c").fingerprint != one)
    #expect(try prompts(system: "", user: "ab").fingerprint != one)
    #expect(try prompts(system: "a", user: "b").fingerprint == one)
  }
}
