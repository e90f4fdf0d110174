import Records
import Tensors
import TemporaryFolders
import Testing

/// nlft-saliency: what it reads, what it refuses, and that it does not write over what it reads.
@Suite struct SaliencyTests {
  private func replaced(_ folder: TemporaryFolder, _ part: String, with other: String) throws -> [UInt8] {
    let lines = String(decoding: try #require(folder.content("judged.jsonl")), as: UTF8.self)
    #expect(lines.contains(part))
    return Array(lines.replacing(part, with: other).utf8)
  }

  @Test(arguments: [
    ("sft", ["right", "2", "judged"]), ("distill", ["right", "2", "judged", "plain"]),
    ("distill-correct", ["right", "plain"]), ("distill-cleaned", ["right", "2", "judged", "plain"]),
    ("cut", ["right", "2", "judged", "plain"]), ("dft", ["right", "2", "judged", "plain"]),
    ("nlft-reference", ["right", "2", "judged"]), ("nlft", ["right", "2", "judged"]),
  ])
  func method(_ name: String, _ ids: [String]) async throws {
    let folder = try await Problems.judged()
    let result = try await runShell(
      "nlft-saliency --method \(name) --archive loss.safetensors.zst judged.jsonl", in: folder.path)
    // "plain" has no answer: sft has nothing to learn from, NLFT no probability under the standard prompt.
    let failed = ids.contains("plain") ? 0 : 1
    #expect(result.status == (failed == 0 ? 0 : 65))
    #expect(result.stderr.hasSuffix("nlft-saliency: done \(4 - failed), failed \(failed)\n"))
    #expect(result.stderr.contains("distill-correct left out 2 incorrect records") == (name == "distill-correct"))
    let records = try result.records
    #expect(records.compactMap(\.idText) == ids)
    for record in records {
      let frame = try LossFrame(parsing: folder.frame(record, "loss"), source: name)
      #expect(frame.origin.id == record.idText)
      let counts = try #require(record["loss"])
      #expect(counts["tokens"]?.integer == frame.classes?.count)
      #expect(counts["plain"]?.integer == frame.classes?.count { $0 == .plain })
    }
  }

  @Test func recordsThatContradictTheirScores() async throws {
    let folder = try await Problems.judged()
    let output = try #require(try folder.records("judged.jsonl")[0].tokens("output"))
    let tokens = "\"output\":[\(output[0]),"
    func message(_ input: [UInt8]) async throws -> String {
      let result = try await runShell("nlft-saliency --archive loss.zst", input: input, in: folder.path)
      #expect(result.status == 65)
      return result.stderr
    }
    #expect(
      try await message(replaced(folder, #""id":"right""#, with: #""id":"other""#)).contains(
        #"line 1: id "other": the scores frame belongs to id "right""#))
    #expect(
      try await message(replaced(folder, tokens, with: "\"output\":[9,")).contains(
        #"line 1: id "right": "tokens.output" has 9 at 0, but \#(output[0]) was scored"#))
    #expect(
      try await message(replaced(folder, tokens, with: tokens + "9,")).contains(
        #""tokens.output" has \#(output.count + 1) tokens, but \#(output.count) were scored"#))
    #expect(
      try await message(replaced(folder, #""archive":"scores"#, with: #""archive":"gone"#)).contains(
        #"line 1: id "right": gone.safetensors.zst: cannot be opened: No such file or directory"#))
    #expect(
      try await message(replaced(folder, #""offset":0,"#, with: #""offset":1,"#)).contains(
        #"line 1: id "right": scores.safetensors.zst at offset 1: no zstd frame starts here"#))
    #expect(
      try await message(replaced(folder, #""offset":0,"#, with: #""offset":9223372036854775807,"#)).contains(
        "are beyond any file"))
  }

  @Test func incorrectWithoutCritiqueIsRefusedByName() async throws {
    let folder = try TemporaryFolder()
    let command = """
      nlft-judge --quiet --model "$MODEL" --critic none --archive s.zst |
      nlft-saliency --method nlft --archive l.zst
      """
    let result = try await runShell(command, input: Problems.graded, in: folder.path)
    #expect(result.status == 65)
    #expect(
      result.stderr.contains(
        #"line 2: id 2: an incorrect record without a critique: its scores have no "logprob.judge""#))
    #expect(try result.records.compactMap(\.idText) == ["right", "judged"])
  }

  @Test(arguments: ["scores.safetensors.zst", "./scores.safetensors.zst", "link.zst"])
  func scoresAreNotOverwritten(_ archive: String) async throws {
    let folder = try await Problems.judged()
    let before = folder.content("scores.safetensors.zst")
    let result = try await runShell(
      "ln -s scores.safetensors.zst link.zst; nlft-saliency --archive \(archive) judged.jsonl", in: folder.path)
    #expect(result.status == 64)
    #expect(result.stderr == "nlft-saliency: --archive \(archive) is the archive that the scores are in\n")
    #expect(folder.content("scores.safetensors.zst") == before)
  }

  @Test func archiveBeingWrittenIsRefused() async throws {
    let folder = try await Problems.judged()
    let result = try await runShell(
      """
      mkfifo in
      nlft-saliency --quiet --archive loss.zst in > first.jsonl &
      exec 3> in
      head -n 1 judged.jsonl >&3
      until [ -s first.jsonl ]; do :; done
      nlft-saliency --archive loss.zst judged.jsonl
      echo $?
      """, in: folder.path)
    #expect(result.text == "74\n")
    #expect(result.stderr.hasPrefix("nlft-saliency: loss.zst: is being written by another process\n"))
  }

  @Test(arguments: [
    ("--powers 1,2", "--powers needs three numbers, as 5,0.3,0.6, not \"1,2\"."),
    ("--threshold 1.5", "the threshold is 1.5, expected a number between 0 and 1."),
    ("--factor 0", "the factor is 0.0, expected a finite number above 0."),
    ("--floor nan", "the floor is nan, expected a finite number that is not negative."),
    ("--method best", "The value 'best' is invalid for '--method <name>'."),
  ])
  func unusableOptions(_ option: String, _ message: String) async throws {
    let result = try await runShell("nlft-saliency --archive l.zst \(option)")
    #expect(result.status == 64)
    #expect(result.stderr.contains(message), "\(result.stderr)")
  }
}
