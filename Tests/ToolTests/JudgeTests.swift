import Records
import Tensors
import TemporaryFolders
import Testing

/// nlft-judge: critics, frames, and what it refuses.
@Suite struct JudgeTests {
  private static let bringsCritique = "1 + 2 is 3, not 7."

  private func judged(_ arguments: String) async throws -> (folder: TemporaryFolder, records: [Record]) {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      "nlft-judge --model \"$MODEL\" --archive scores.safetensors.zst \(arguments)", input: Problems.graded,
      in: folder.path)
    #expect(result.status == 0)
    #expect(result.stderr == "nlft-judge: done 4, failed 0\n")
    return (folder, try result.records)
  }

  @Test(arguments: ["answer", "self", "none"])
  func critic(_ name: String) async throws {
    let (folder, records) = try await judged("--critic \(name) --critique-tokens 9")
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
    let short = try await judged("--critic self --critique-tokens 3").records[1]["judgment"]?.string
    let long = try await judged("--critic self --critique-tokens 9").records[1]["judgment"]?.string
    #expect(short != nil)
    #expect(short != long)
  }

  @Test func batchesDoNotChangeScores() async throws {
    let (folder, records) = try await judged("--hidden f32")
    let (other, others) = try await judged("--hidden f32 --batch 1 --threads 1")
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
    let (folder, records) = try await judged("--hidden \(name)")
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
}
