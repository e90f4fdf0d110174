import Records
import TemporaryFolders
import Testing

/// nlft-sample: ids, seeds, and what becomes of earlier results.
@Suite struct SampleTests {
  private static let command = #"nlft-sample --quiet --model "$MODEL" --max-tokens 16 --temperature 1"#

  private func sampled(_ arguments: String, _ input: [UInt8] = Problems.questions) async throws -> ToolResult {
    let result = try await runShell("\(Self.command) \(arguments)", input: input)
    #expect(result.status == 0)
    #expect(result.stderr == "")
    return result
  }

  @Test func samplesHaveIdsOfTheirOwn() async throws {
    let input = Array(#"{"id":"a","question":"q"}"#.utf8) + [0x0A] + Array(#"{"id":7,"question":"q"}"#.utf8)
    let records = try await sampled("--samples 3", input).records
    #expect(records.map { $0["id"]?.text } == [#""a/0""#, #""a/1""#, #""a/2""#, #""7/0""#, #""7/1""#, #""7/2""#])
    #expect(records.map { $0["source"]?.text } == [#""a""#, #""a""#, #""a""#, "7", "7", "7"])
    #expect(try Set(records.compactMap { try $0.tokens("output") }).count == 6, "samples repeat each other")
    for record in records {
      let tokens = try #require(try record.tokens("output"))
      let finish = try record.string("finish")
      #expect(finish == "length" ? tokens.count == 16 : tokens.last == 2 || tokens.last == 0)
      #expect(!tokens.dropLast().contains(2))
    }
  }

  @Test func seedDecides() async throws {
    let first = try await sampled("--seed 1")
    #expect(try await sampled("--seed 1") == first)
    #expect(
      try await sampled("--seed 1 --batch 2 --threads 1").records.map { $0["output"] }
        == first.records.map { $0["output"] })
    let other = try await sampled("--seed 2")
    for (one, two) in zip(try first.records, try other.records) { #expect(one["tokens"] != two["tokens"]) }
  }

  @Test func neighboursDoNotMatter() async throws {
    let together = try await sampled("--seed 4 --samples 2")
    let lines = Problems.questions.split(separator: 0x0A).map { Array($0) }
    var apart: [String] = []
    for line in lines { apart += try await sampled("--seed 4 --samples 2", line).lines }
    #expect(apart == together.lines)
    let backwards = try await sampled("--seed 4 --samples 2", Array(lines.reversed().joined(separator: [0x0A])))
    #expect(backwards.lines.sorted() == together.lines.sorted())
  }

  @Test func recordsWithoutIdAreNumberedThroughAllFiles() async throws {
    let folder = try TemporaryFolder()
    try folder.write("{\"question\":\"q\"}\n\n{\"question\":\"q\",\"id\":null}\n", to: "a.jsonl")
    try folder.write("[{\"question\":\"q\"},\n\n\n{\"question\":\"q\",\"id\":1}]", to: "b.jsonl")
    for tool in ["nlft-tokenize", "nlft-sample --max-tokens 2"] {
      let result = try await runShell("\(tool) --model \"$MODEL\" a.jsonl b.jsonl", in: folder.path)
      #expect(try result.records.map { $0["id"]?.text } == ["1", "2", "3"])
      #expect(result.stderr.contains("b.jsonl: line 4: id 1: another record before it has the same id\n"))
    }
  }

  @Test func resultsOfAnEarlierOutputAreTakenOff() async throws {
    let line = #"""
      {"id":1,"question":"q","answer":"#### 1","output":"old","predicted":"1","expected":"1","correct":true,\#
      "judgment":"j","scores":{},"loss":{},"tokens":{"judge":[3,4],"standard":[5],"mine":[6],"output":[7]},"mine":1}
      """#
    let record = try #require(try await sampled("", Array(line.utf8)).records.first)
    #expect(record.keys == ["id", "question", "answer", "output", "tokens", "mine", "finish"])
    #expect(try record.tokens("judge") == nil)
    #expect(try record.tokens("standard") == [5])
    #expect(try record.tokens("mine") == [6])
    #expect(try record.string("output") != "old")
    #expect(try record.tokens("output") != [7])
  }

  @Test func carriedPromptTokensAreUsed() async throws {
    func output(_ fields: String) async throws -> [Int32]? {
      try await sampled("--temperature 0", Array("{\"id\":1,\(fields)}".utf8)).records.first?.tokens("output")
    }
    let rendered = try await sampled("", Array(#"{"id":1,"question":"q"}"#.utf8)).records.first?.tokens("base")
    let tokens = try #require(rendered).map { "\($0)" }.joined(separator: ",")
    let fromText = try await output(#""question":"q""#)
    #expect(fromText != nil)
    #expect(try await output(#""question":"other","tokens":{"base":[\#(tokens)]}"#) == fromText)
    #expect(try await output(#""tokens":{"base":[\#(tokens)]}"#) == fromText)
    #expect(try await output(#""question":"other""#) != fromText)
  }

  @Test func askedWithTheStandardAnswer() async throws {
    let base = try await sampled("--temperature 0").records
    let standard = try await sampled("--temperature 0 --prompt standard").records
    #expect(base.count == standard.count)
    for (one, two) in zip(base, standard) {
      // Learnt under the base prompt, whatever it was asked with.
      #expect(try one.tokens("base") == two.tokens("base"))
      #expect(try one.tokens("output") != two.tokens("output"))
    }
    let missing = try await runShell(
      "\(Self.command) --prompt standard", input: Array(#"{"id":1,"question":"q"}"#.utf8))
    #expect(missing.status == 65)
    #expect(
      missing.stderr
        == "nlft-sample: line 1: id 1: the field \"answer\" is missing, which the standard prompt needs\n")
  }

  @Test func promptsThatTheModelCannotReadAreRefused() async throws {
    let long = Array(repeating: "5", count: TinyModelFolder.contextLength).joined(separator: ",")
    let size = TinyModelFolder.vocabularySize
    let input = """
      {"id":1,"tokens":{"base":[3,\(size)]}}
      {"id":2,"tokens":{"base":[-1]}}
      {"id":3,"tokens":{"base":[]}}
      {"id":4,"tokens":{"base":[\(long)]}}

      """
    let result = try await runShell(Self.command, input: Array(input.utf8))
    #expect(result.status == 65)
    #expect(
      result.stderr == """
        nlft-sample: line 1: id 1: token \(size) at position 1 is outside the model's vocabulary of \(size)
        nlft-sample: line 2: id 2: token -1 at position 0 is outside the model's vocabulary of \(size)
        nlft-sample: line 3: id 3: field "tokens.base": found no tokens
        nlft-sample: line 4: id 4: the prompt has 1024 tokens, expected fewer than the model's context of 1024

        """)
  }
}
