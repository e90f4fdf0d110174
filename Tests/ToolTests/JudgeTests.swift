import Records
import Tensors
import TemporaryFolders
import Testing

/// nlft-judge: critics, frames, and what it refuses.
@Suite struct JudgeTests {
  private static let bringsCritique = "1 + 2 is 3, not 7."
  private static let answer = ["critiques: 1 by answer"]
  private static let own = ["critiques: 1 by self"]

  private func judged(
    _ arguments: String, notes: [String] = []
  ) async throws -> (folder: TemporaryFolder, records: [Record]) {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      "nlft-judge --model \"$MODEL\" --archive scores.safetensors.zst \(arguments)", input: Problems.graded,
      in: folder.path)
    #expect(result.status == 0)
    #expect(result.stderr == (notes + ["done 4, failed 0"]).map { "nlft-judge: \($0)\n" }.joined())
    return (folder, try result.records)
  }

  @Test(arguments: ["answer", "self", "none"])
  func critic(_ name: String) async throws {
    let notes = name == "none" ? [] : ["critiques: 1 by \(name)"]
    let (folder, records) = try await judged("--critic \(name) --critique-tokens 9", notes: notes)
    #expect(records.compactMap(\.idText) == ["right", "2", "judged", "plain"])
    // Correct and ungraded responses get none, and one that is there stays.
    #expect(records[0]["judgment"] == nil)
    #expect(records[2]["judgment"] == .string(Self.bringsCritique))
    #expect(records[3]["judgment"] == nil)
    let critique = records[1]["judgment"]?.string
    switch name {
    case "answer":
      #expect(
        critique == "The response is wrong. Its final value is 3, but the correct value is 2. "
          + "It should have reasoned like this: #### 2")
    case "self": #expect(critique?.isEmpty == false)
    default: #expect(critique == nil)
    }
    for (record, id) in zip(records, ["right", "2", "judged", "plain"]) {
      let frame = try ScoresFrame(parsing: folder.frame(record, "scores"), source: id)
      let output = try #require(try record.tokens("output"))
      #expect(frame.origin.id == id)
      #expect(frame.tokens == output)
      // The end-of-turn token is part of the response unless it was cut.
      #expect((output.last == 2) == (id != "plain"))
      #expect(frame.base?.count == output.count)
      #expect(frame.base?.allSatisfy { $0 < 0 && $0 > -50 } == true)
      #expect((frame.standard != nil) == (record["answer"] != nil))
      #expect((frame.judge != nil) == (record["judgment"] != nil))
      #expect((frame.judge != nil) == (try record.tokens("judge") != nil))
      #expect(frame.base != frame.standard)
      for print in [frame.origin.model, frame.origin.tokenizer, frame.origin.prompts] { #expect(print != nil) }
      #expect(frame.origin.adapter == "none")
    }
  }

  @Test func selfCriticsWordsAreTheModels() async throws {
    let short = try await judged("--critic self --critique-tokens 3", notes: Self.own).records[1]["judgment"]?.string
    let long = try await judged("--critic self --critique-tokens 9", notes: Self.own).records[1]["judgment"]?.string
    #expect(short != nil)
    #expect(short != long)
  }

  @Test func anotherModelsWordsAreItsOwn() async throws {
    let folder = try TemporaryFolder()
    try folder.write(Problems.graded, to: "graded")
    // Tokens of a critique prompt are those of the trained model: another has its own.
    let carrying = String(decoding: Problems.graded, as: UTF8.self).replacing(
      #""correct":false}"#, with: #""correct":false,"tokens":{"critique":[1,85,91]}}"#)
    try folder.write(carrying, to: "carrying")
    let result = try await runShell(
      """
      judge="nlft-judge --critique-tokens 9 --archive"
      $judge a.zst --model "$OTHER_MODEL" --critic self graded > other.jsonl
      $judge b.zst --model "$MODEL" --judge-model "$OTHER_MODEL" graded > b.jsonl
      $judge c.zst --model "$MODEL" --judge-model "$OTHER_MODEL" --critic self carrying > c.jsonl
      $judge d.zst --model "$MODEL" --critic self graded > own.jsonl
      """, in: folder.path)
    #expect(result.status == 0)
    func critique(_ name: String) throws -> String { try folder.records(name)[1].string("judgment") }
    #expect(try critique("b.jsonl") == critique("other.jsonl"))
    #expect(try critique("c.jsonl") == critique("other.jsonl"))
    #expect(try critique("own.jsonl") != critique("other.jsonl"))
    let other = try TinyModelFolder.other.get()
    #expect(result.stderr.contains("nlft-judge: critic model \(other)\n"))
    #expect(result.stderr.contains("nlft-judge: critiques: 1 by model \(other)\n"))
    // The scores are the trained model's.
    for (mine, others) in zip(try folder.records("own.jsonl"), try folder.records("b.jsonl")) {
      let one = try ScoresFrame(parsing: folder.frame(mine, "scores"), source: "own")
      let two = try ScoresFrame(parsing: folder.frame(others, "scores"), source: "other")
      #expect(one.origin.model == two.origin.model)
      #expect(one.base == two.base)
    }
  }

  @Test func anotherModelsAdapterChangesItsWords() async throws {
    let folder = try await Problems.weighted()
    try folder.write(Problems.graded, to: "graded")
    let result = try await runShell(
      """
      nlft-step --quiet --model "$OTHER_MODEL" --learning-rate 5e-2 --warmup 0 --epochs 9 --output adapter weighted.jsonl
      judge="nlft-judge --quiet --critique-tokens 9 --model $OTHER_MODEL --archive s.zst"
      $judge --adapter adapter --critic self graded > own.jsonl
      $judge --judge-model "$OTHER_MODEL" --judge-adapter adapter graded > adapted.jsonl
      $judge --judge-model "$OTHER_MODEL" graded > plain.jsonl
      """, in: folder.path)
    #expect(result.status == 0, "\(result.stderr)")
    func critique(_ name: String) throws -> String { try folder.records(name)[1].string("judgment") }
    #expect(try critique("adapted.jsonl") == critique("own.jsonl"))
    #expect(try critique("adapted.jsonl") != critique("plain.jsonl"))
  }

  @Test func batchesDoNotChangeScores() async throws {
    let (folder, records) = try await judged("--hidden f32", notes: Self.answer)
    let (other, others) = try await judged("--hidden f32 --batch 1 --threads 1", notes: Self.answer)
    for (one, two) in zip(records, others) {
      let left = try ScoresFrame(parsing: folder.frame(one, "scores"), source: "left")
      let right = try ScoresFrame(parsing: other.frame(two, "scores"), source: "right")
      #expect(left.tokens == right.tokens)
      for (a, b) in [(left.base, right.base), (left.standard, right.standard), (left.judge, right.judge)] {
        #expect(a?.count == b?.count)
        for (x, y) in zip(a ?? [], b ?? []) { #expect(abs(x - y) < 1e-4) }
      }
    }
  }

  @Test(arguments: [("f32", ElementType.float32), ("f16", .float16), ("none", nil)])
  func hiddenStates(_ name: String, _ type: ElementType?) async throws {
    let (folder, records) = try await judged("--hidden \(name)", notes: Self.answer)
    for record in records {
      let frame = try folder.frame(record, "scores")
      #expect(frame["hidden.base"]?.elementType == type)
      let count = try #require(try record.tokens("output")).count
      if type != nil { #expect(frame["hidden.base"]?.shape == [count, 32]) }
    }
  }

  @Test func adapterChangesScoresAndFingerprint() async throws {
    let folder = try await Problems.weighted()
    try folder.write(Problems.graded, to: "graded")
    let result = try await runShell(
      """
      nlft-step --model "$MODEL" --learning-rate 1e-2 --epochs 3 --output adapter weighted.jsonl > steps.jsonl
      nlft-judge --model "$MODEL" --archive a.zst graded > a.jsonl
      nlft-judge --model "$MODEL" --adapter adapter --archive b.zst graded > b.jsonl
      """, in: folder.path)
    #expect(result.status == 0)
    for (plain, adapted) in zip(try folder.records("a.jsonl"), try folder.records("b.jsonl")) {
      let one = try ScoresFrame(parsing: folder.frame(plain, "scores"), source: "plain")
      let two = try ScoresFrame(parsing: folder.frame(adapted, "scores"), source: "adapted")
      #expect(one.base != two.base)
      #expect(one.origin.model == two.origin.model)
      #expect(one.origin.adapter != two.origin.adapter)
    }
    // Scores under two adapters in one stream contradict each other.
    let mixed = try await runShell(
      "(head -n 1 a.jsonl; sed -n 2p b.jsonl; sed -n 3p a.jsonl) | nlft-saliency --archive loss.zst", in: folder.path)
    #expect(mixed.status == 65)
    #expect(mixed.stderr.contains("line 2: id 2: b.zst at offset "))
    #expect(mixed.stderr.contains(": made with another adapter: fingerprint "))
    #expect(try mixed.records.compactMap(\.idText) == ["right", "judged"])
  }

  @Test func refusedRecords() async throws {
    let size = TinyModelFolder.vocabularySize
    let long = Array(repeating: "5", count: TinyModelFolder.contextLength).joined(separator: ",")
    let input = """
      {"question":"q","output":"o"}
      {"id":2,"question":"q","output":"o","correct":false}
      {"id":3,"question":"q","tokens":{"output":[\(size)]}}
      {"id":4,"question":"q","tokens":{"output":[]}}
      {"id":5,"question":"q","tokens":{"output":[\(long)]}}
      {"id":6,"question":"q","output":"","finish":"length"}

      """
    let folder = try TemporaryFolder()
    let result = try await runShell(
      #"nlft-judge --model "$MODEL" --archive scores.zst"#, input: Array(input.utf8), in: folder.path)
    #expect(result.status == 65)
    #expect(result.stdout == [])
    let messages = [
      #"line 1: no field "id""#,
      #"line 2: id 2: a critique needs field "expected" (run nlft-grade first) or field "answer""#,
      "line 3: id 3: token \(size) at position 0 is outside the model's vocabulary of \(size)",
      #"line 4: id 4: field "tokens.output": found no tokens"#,
      "line 5: id 5: prompt and response have ", "line 6: id 6: field \"output\": found an empty response that was cut",
    ]
    for message in messages { #expect(result.stderr.contains("nlft-judge: \(message)"), "\(result.stderr)") }
    #expect(result.stderr.hasSuffix("nlft-judge: done 0, failed 6\n"))
  }

  @Test func archiveThatCannotBeWritten() async throws {
    let folder = try TemporaryFolder()
    try folder.write(Problems.graded, to: "graded")
    let missing = try await runShell(#"nlft-judge --model "$MODEL" --archive gone/s.zst graded"#, in: folder.path)
    #expect(missing.status == 74)
    #expect(missing.stderr == "nlft-judge: gone/s.zst: cannot be opened: No such file or directory\n")
    // A file that may not grow stands for a full disk; records of several scoring passes, so that some wait for theirs.
    let tokens = Array(repeating: "5", count: 900).joined(separator: ",")
    let many = (0..<12).map { #"{"id":\#($0),"question":"q","tokens":{"output":[\#(tokens)]}}"# }
    try folder.write(many.joined(separator: "\n"), to: "many")
    let full = try await runShell(
      #"trap '' XFSZ; ulimit -f 1; nlft-judge --model "$MODEL" --archive s.zst many | cat"#, in: folder.path)
    #expect(full.stderr == "nlft-judge: s.zst: cannot be written at offset 0: File too large\n")
    #expect(full.stdout == [])
  }

  @Test(arguments: [
    ("--critic teacher", "the critic 'teacher' is none of self, answer, none and a URL (http://… or https://…)."),
    ("--critic ftp://me:nlft-pass@h", "the critic is none of self, answer, none and a URL"),
    ("--critic http:///v1", "--critic: the address names no host."),
    ("--critic-model x", "--critic-model goes with --critic URL, which is not given."),
    ("--critic self --critic-retries 3", "--critic-retries goes with --critic URL, which is not given."),
    ("--critic http://h --critic-key NLFT_NO_SUCH_KEY", "NLFT_NO_SUCH_KEY, which --critic-key names, is not set."),
    ("--critic http://h --critic-requests 0", "--critic-requests must be above 0, not 0."),
    ("--critic http://h --critic-requests 257", "--critic-requests must be at most 256, not 257."),
    ("--critic http://h --critic-timeout nan", "--critic-timeout must be above 0, not nan."),
    ("--critic http://h --critic-timeout inf", "--critic-timeout must be at most 86400, not inf."),
    ("--critic http://h --critic-retries=-1", "--critic-retries must be 0 to 100, not -1."),
    ("--judge-model m --critic answer", "--judge-model is the critic already: --critic may only be self."),
    ("--judge-model m --critic http://h", "--judge-model is the critic already: --critic may only be self."),
    ("--judge-adapter a", "--judge-adapter goes with --judge-model, which is not given."),
    ("--critique-tokens 0", "--critique-tokens must be above 0, not 0."),
  ])
  func unusableOptions(_ option: String, _ message: String) async throws {
    let result = try await runShell("nlft-judge --model \"$MODEL\" --archive s.zst \(option)")
    #expect(result.status == 64)
    #expect(result.stderr.contains(message), "\(result.stderr)")
    #expect(!result.stderr.contains("nlft-pass"))
  }
}
