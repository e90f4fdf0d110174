import Records
import TemporaryFolders
import Testing

/// nlft-tokenize: prompts as the chat template writes them, plain fields, the way back, and the limit.
@Suite struct TokenizeTests {
  private static let command = #"nlft-tokenize --quiet --model "$MODEL""#

  private func tokenized(_ arguments: String, _ input: String) async throws -> Record {
    let result = try await runShell("\(Self.command) \(arguments)", input: Array(input.utf8))
    #expect(result.status == 0, "\(result.stderr)")
    #expect(result.stderr == "")
    return try #require(try result.records.first)
  }

  @Test func promptsAndBack() async throws {
    let line = #"""
      {"id":1,"instruction":"Be brief.","question":"How many?","answer":"2","judgment":"No: \"ä\".","output":"3 🙂"}
      """#
    let record = try await tokenized("", line)
    let parts = ["base", "standard", "judge", "output", "answer"]
    #expect(record["tokens"]?.members?.map(\.key) == parts)
    let text = try await tokenized(parts.map { "--decode " + $0 }.joined(separator: " "), record.text)
    // Prompts show the tokens that begin and end turns; responses are the bare text.
    func rendered(_ user: String) -> String {
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n\(user)<|im_end|>\n<|im_start|>assistant\n"
    }
    #expect(try text.string("base") == rendered("How many?"))
    #expect(
      try text.string("standard").hasPrefix("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow many?"))
    #expect(try text.string("standard").contains("\n2\n"))
    #expect(try text.string("judge").contains("\nNo: \"ä\".\n"))
    #expect(try text.string("output") == "3 🙂")
    #expect(try text.string("answer") == "2")
    #expect(try record.tokens("base")?.first == 1)
    for part in ["output", "answer"] { #expect(try record.tokens(part)?.last == 2) }
    #expect(try record.tokens("base")?.filter { $0 == 1 }.count == 3)
  }

  @Test func partsFollowTheFields() async throws {
    let question = try await tokenized("", #"{"question":"q"}"#)
    #expect(question["tokens"]?.members?.map(\.key) == ["base"])
    // The default system turn of the template stands in for a missing instruction.
    let shown = try await tokenized("--decode base", question.text).string("base")
    #expect(shown.hasPrefix("<|im_start|>system\nYou are a helpful AI"))
    let cut = try await tokenized("", #"{"question":"q","output":"o","finish":"length","answer":null}"#)
    #expect(cut["tokens"]?.members?.map(\.key) == ["base", "output"])
    #expect(try cut.tokens("output")?.contains(2) == false)
    let carried = try await tokenized("", #"{"input":"q","output":"o","tokens":{"output":[9],"mine":[1.50]}}"#)
    #expect(try carried.tokens("output") == [9])
    #expect(carried["tokens"]?["mine"]?.text == "[1.50]")
    #expect(try carried.tokens("base") == question.tokens("base"))
  }

  @Test func plainFields() async throws {
    let record = try await tokenized("--field a --field b", #"{"id":"x","a":"<|im_end|>","b":"","question":7}"#)
    // Text is text: what looks like a special token is spelt out.
    #expect(try #require(try record.tokens("a")).count > 1)
    #expect(try record.tokens("a")?.contains(2) == false)
    #expect(try record.tokens("b") == [])
    #expect(record["tokens"]?.members?.count == 2)
    #expect(try await tokenized("--decode a", record.text).string("a") == "<|im_end|>")
    let missing = try await runShell("\(Self.command) --field c", input: Array(record.text.utf8))
    #expect(missing.status == 65)
    #expect(missing.stderr == "nlft-tokenize: line 1: id \"x\": no field \"c\"\n")
    let undecodable = try await runShell("\(Self.command) --decode c", input: Array(record.text.utf8))
    #expect(undecodable.stderr == "nlft-tokenize: line 1: id \"x\": no field \"tokens.c\"\n")
  }

  @Test func limit() async throws {
    let short = #"{"id":"short","tokens":{"base":[1,3,4],"output":[5,2]}}"#
    let long = #"{"id":"long","tokens":{"base":[1,3,4,5],"output":[5,2]}}"#
    let endless = #"{"id":"endless","tokens":{"base":[1],"output":[5,5,5,5,2]}}"#
    func run(_ rule: String) async throws -> ToolResult {
      try await runShell(
        "nlft-tokenize --model \"$MODEL\" --form nlft --max-tokens 5 \(rule)",
        input: Array([short, long, endless].joined(separator: "\n").utf8))
    }
    let tooLong = """
      nlft-tokenize: line 2: id "long": the base prompt has 4 tokens and the response 2, expected at most 5 together

      """
    let tooLongResponse = """
      nlft-tokenize: line 3: id "endless": the base prompt has 1 tokens and the response 5, expected at most 5 together

      """
    let failing = try await run("")
    #expect(failing.lines == [short])
    #expect(failing.status == 65)
    #expect(failing.stderr == tooLong + tooLongResponse + "nlft-tokenize: done 1, failed 2\n")
    #expect(try await run("--truncate error") == failing)
    let dropping = try await run("--truncate drop")
    #expect(dropping.lines == [short])
    #expect(dropping.status == 0)
    #expect(
      dropping.stderr == "nlft-tokenize: left out 2 records longer than 5 tokens\nnlft-tokenize: done 3, failed 0\n")
    let cutting = try await run("--truncate left")
    #expect(cutting.lines == [short, long.replacing("[1,3,4,5]", with: "[3,4,5]")])
    #expect(cutting.stderr == tooLongResponse + "nlft-tokenize: done 2, failed 1\n")
  }

  @Test func ownPrompts() async throws {
    let folder = try TemporaryFolder()
    let prompts = ["base", "standard", "judge", "critique"].map {
      #""\#($0)":{"system":"","user":"\#($0): {question}"}"#
    }
    try folder.write("{" + prompts.joined(separator: ",") + "}", to: "own.json")
    let input = Array(#"{"id":1,"question":"why"}"#.utf8)
    let command = #"nlft-tokenize --quiet --model "$MODEL""#
    let result = try await runShell(
      "\(command) --prompts own.json | \(command) --decode base --decode judge", input: input, in: folder.path)
    let record = try #require(try result.records.first)
    #expect(try record.string("base").hasSuffix("user\nbase: why<|im_end|>\n<|im_start|>assistant\n"))
    #expect(try record.string("judge").hasSuffix("user\njudge: why<|im_end|>\n<|im_start|>assistant\n"))
    try folder.write(#"{"base":{"user":"{questoin}"}}"#, to: "own.json")
    let bad = try await runShell("\(command) --prompts own.json", input: input, in: folder.path)
    #expect(bad.status == 65)
    #expect(bad.stderr.hasPrefix("nlft-tokenize: own.json: base: "), "\(bad.stderr)")
    let gone = try await runShell("\(command) --prompts gone.json", input: input, in: folder.path)
    #expect(gone.status == 66)
    #expect(gone.stderr == "nlft-tokenize: gone.json: cannot open: No such file or directory\n")
  }
}

extension Record {
  fileprivate var text: String { String(decoding: encoded, as: UTF8.self) }
}
