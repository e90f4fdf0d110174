import Records
import TemporaryFolders
import Tensors
import Testing

/// nlft-show beside the frames that it shows, and beside the tools that made them.
@Suite struct ShowTests {
  /// Sampled greedily, graded, judged and weighed; one folder for all tests would have to be cleaned by hand.
  private func prepared() async throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      #"""
      nlft-sample --model "$MODEL" --max-tokens 12 | nlft-grade |
      nlft-judge --model "$MODEL" --critic answer --archive s.zst |
      nlft-saliency --archive l.zst > weighted.jsonl
      """#, input: Problems.questions, in: folder.path)
    try #require(result.status == 0, "\(result.stderr)")
    return folder
  }

  private func show(_ arguments: String, in folder: TemporaryFolder, status: Int = 0) async throws -> ToolResult {
    let result = try await runShell("nlft-show \(arguments)", in: folder.path)
    #expect(result.status == status, "\(result.stderr)")
    return result
  }

  @Test func everyNumberIsTheFrames() async throws {
    let folder = try await prepared()
    let lines = try await show("--json weighted.jsonl", in: folder).records
    for record in try folder.records("weighted.jsonl") {
      let own = lines.filter { $0["id"] == record["id"] }
      #expect(own.compactMap { $0["frame"]?.string } == ["scores", "loss"])
      let scores = try ScoresFrame(parsing: try folder.frame(record, "scores"), source: "scores")
      let loss = try LossFrame(parsing: try folder.frame(record, "loss"), source: "loss")
      let tokens = own.filter { $0["place"] != nil }
      #expect(tokens.compactMap { $0["token"]?.integer } == scores.tokens.map { Int($0) })
      func column(_ prompt: String) -> [Float] {
        tokens.compactMap { $0["logprob"]?[prompt]?.double.map { Float($0) } }
      }
      #expect(column("base") == scores.base && column("standard") == scores.standard)
      #expect(column("judge") == scores.judge ?? [])
      #expect(tokens.compactMap { $0["class"]?.string } == loss.classes?.map { "\($0)" })
      let shown =
        tokens.compactMap { $0["likelihood"]?.double }
        + own.filter { $0["sequence"] != nil }
        .compactMap { $0["likelihood"]?.double }
      let expected = loss.sequences.flatMap(\.likelihood)
      // Tokens without a weight have no place in the frame.
      #expect(shown.filter { $0 != 0 }.map { Float($0) } == expected.filter { $0 != 0 })
    }
  }

  /// The model that sampled greedily would take the same tokens again, with the probabilities that it was scored with.
  @Test func whatWasTakenIsTheLikeliest() async throws {
    let folder = try await prepared()
    let lines = try await show(#"--json --top 3 --model "$MODEL" weighted.jsonl"#, in: folder).records
    let tokens = lines.filter { $0["place"] != nil }
    #expect(tokens.count > 20)
    for token in tokens {
      #expect(token["rank"]?.integer == 1)
      let top = try #require(token["top"]?.array)
      #expect(top.count == 3 && top[0]["token"] == token["token"])
      let (now, then) = (try #require(token["logprob_now"]?.double), try #require(token["logprob"]?["base"]?.double))
      #expect(abs(now - then) < 1e-5 && top[0]["logprob"]?.double == now)
    }
    let judged = try await show(#"--json --top 1 --under standard --model "$MODEL" weighted.jsonl"#, in: folder).records
    for token in judged where token["place"] != nil {
      let (now, then) = (
        try #require(token["logprob_now"]?.double), try #require(token["logprob"]?["standard"]?.double)
      )
      #expect(abs(now - then) < 1e-5)
    }
    let text = try await show(#"--top 2 --model "$MODEL" --limit 1 weighted.jsonl"#, in: folder).text
    #expect(text.contains("  rank  top 1  "))
  }

  @Test func archivesAreShownFrameByFrame() async throws {
    let folder = try await prepared()
    let all = try await show("--json s.zst l.zst", in: folder)
    #expect(all.stderr == "nlft-show: done 12, failed 0\n")
    #expect(try all.records.filter { $0["frame"]?.isNull == true }.count == 12)
    let one = try await show("--only p2 s.zst l.zst", in: folder)
    #expect(one.text.split(separator: "\n").filter { $0.hasPrefix("==") } == [#"== "p2""#, #"== "p2""#])
    let limited = try await show("--skip 1 --limit 2 s.zst", in: folder)
    #expect(
      limited.stderr == "nlft-show: left out 1 records, read nothing behind record 3\nnlft-show: done 2, failed 0\n")
    // A writer that was killed: what is whole is shown.
    let content = try #require(folder.content("s.zst"))
    try folder.write(Array(content.dropLast(3)), to: "torn.zst")
    let torn = try await show("--json torn.zst", in: folder, status: 65)
    #expect(torn.stderr.contains("nlft-show: torn.zst at offset "))
    #expect(torn.stderr.hasSuffix("nlft-show: done 5, failed 1\n"))
    let mixed = try await show("s.zst weighted.jsonl", in: folder, status: 64)
    #expect(mixed.stderr == "nlft-show: s.zst is an archive, and other files are not: show them one after the other\n")
    let top = try await show(#"--top 3 --model "$MODEL" s.zst"#, in: folder, status: 64)
    #expect(top.stderr == "nlft-show: s.zst is an archive: --prompt, --top and --rejects are for records\n")
  }

  @Test func framesOfScriptsAreShown() async throws {
    let folder = try TemporaryFolder()
    var file = TensorFile(metadata: ["by": "hand"])
    file["entropy"] = Tensor([0.5, 2.25] as [Float])
    let writer = try ArchiveWriter(path: folder.file("own.zst"))
    let reference = try writer.append(file)
    try writer.close()
    try folder.write(
      #"{"id":1,"tokens":{"output":[4,5]},"mine":{"archive":"own.zst","offset":0,"bytes":\#(reference.bytes)}}"# + "\n",
      to: "in.jsonl")
    #expect(
      try await show("in.jsonl", in: folder).text == """
        == 1
        tokens: output 2
        mine: own.zst at offset 0, \(reference.bytes) bytes: neither scores nor a loss: \
        neither "tokens" nor "sequence.0.tokens" is there
          by hand
          entropy  F32 [2]  0.5 2.25

        place  token
            0      4
            1      5


        """)
  }

  @Test func contradictionsAreRefused() async throws {
    let folder = try await prepared()
    let other = try await runShell(
      #"sed 's/"id":"p0"/"id":"q0"/; s/"output":\[[0-9]*,/"output":[9,/' weighted.jsonl | nlft-show --limit 2"#,
      in: folder.path)
    #expect(other.status == 65)
    #expect(other.stderr.contains(#"line 1: id "q0": s.zst at offset 0: the frame is of id "p0""#))
    #expect(other.stderr.contains(": has scores of other tokens than the response's\n"))
    #expect(other.text == "")
  }

  @Test func aReaderThatGoesAwayIsNoError() async throws {
    let folder = try await prepared()
    for input in ["weighted.jsonl", "s.zst"] {
      let result = try await runShell(
        """
        mkfifo gate
        { read -r gone < gate; nlft-show --quiet \(input); echo $? > status; } | { exec 0<&-; echo > gate; }
        cat status; rm gate
        """, in: folder.path)
      #expect(result.text == "0\n" && result.stderr == "")
    }
  }
}
