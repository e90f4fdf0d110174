import Records
import Tensors
import TemporaryFolders
import Testing

/// nlft-sample and nlft-judge go on behind an output that was broken off, to the same bytes as a run that was not.
@Suite struct ResumeTests {
  private static let sample =
    #"nlft-sample --quiet --model "$MODEL" --max-tokens 8 --temperature 1 --samples 2 --keep-going in.jsonl"#
  private static let judge =
    #"nlft-judge --quiet --model "$MODEL" --archive scores.safetensors.zst --keep-going in.jsonl"#

  /// A folder with `in.jsonl`, of which one line is no record, and what the whole run makes of it in `whole.jsonl`.
  private static func folder(
    _ command: String, _ input: [UInt8]
  ) async throws -> (folder: TemporaryFolder, whole: [UInt8]) {
    let folder = try TemporaryFolder()
    var lines = input.split(separator: 0x0A).map { Array($0) }
    lines.insert(Array("[1]".utf8), at: 2)
    try folder.write(Array(lines.joined(separator: [0x0A])), to: "in.jsonl")
    let result = try await runShell(command + " > whole.jsonl", in: folder.path)
    try #require(result.status == 0, "\(result.stderr)")
    return (folder, try #require(folder.content("whole.jsonl")))
  }

  /// Nothing, within the first line, at the end of lines, one byte before and behind, and all.
  private static func cuts(_ whole: [UInt8]) -> [Int] {
    let ends = whole.indices.filter { whole[$0] == 0x0A }
    return [0, 7] + ends.flatMap { [$0, $0 + 1, min($0 + 2, whole.count)] } + [whole.count]
  }

  @Test func samplesEndAlike() async throws {
    let (folder, whole) = try await Self.folder(Self.sample, Problems.questions)
    for cut in Self.cuts(whole) {
      try folder.write(Array(whole[..<cut]), to: "out.jsonl")
      try folder.write(Array(whole[..<cut]), to: "earlier.jsonl")
      let result = try await runShell(
        "\(Self.sample) --resume out.jsonl >> out.jsonl && \(Self.sample) --resume earlier.jsonl", in: folder.path)
      #expect(result.status == 0, "\(cut): \(result.stderr)")
      #expect(folder.content("out.jsonl") == whole, "in place, from byte \(cut)")
      #expect(result.stdout == whole, "into another file, from byte \(cut)")
      #expect(folder.content("earlier.jsonl") == Array(whole[..<cut]))
    }
  }

  @Test func scoresEndAlike() async throws {
    let (folder, whole) = try await Self.folder(Self.judge, Problems.graded)
    let archive = try #require(folder.content("scores.safetensors.zst"))
    let ends = try folder.records("whole.jsonl").map { record in
      let frame = try FrameReference(json: try #require(record["scores"]), field: "scores")
      return frame.offset + frame.bytes
    }
    for cut in Self.cuts(whole) {
      let lines = whole[..<cut].count { $0 == 0x0A }
      let named = lines == 0 ? 0 : ends[lines - 1]
      // The archive may hold a frame, or a part of one, that no line names yet.
      for bytes in Set([named, min(named + 100, archive.count), archive.count]) {
        try folder.write(Array(whole[..<cut]), to: "out.jsonl")
        try folder.write(Array(archive[..<bytes]), to: "scores.safetensors.zst")
        let result = try await runShell("\(Self.judge) --resume out.jsonl >> out.jsonl", in: folder.path)
        #expect(result.status == 0, "\(cut): \(result.stderr)")
        #expect(folder.content("out.jsonl") == whole, "from byte \(cut)")
        #expect(folder.content("scores.safetensors.zst") == archive, "from bytes \(cut) and \(bytes)")
      }
    }
  }

  /// What was done is counted with the rest, and a record that failed is tried again.
  @Test func summaryAndRejectsAreOfTheWhole() async throws {
    let (folder, whole) = try await Self.folder(Self.sample, Problems.questions)
    let half = try #require(whole.indices.filter { whole[$0] == 0x0A }.dropFirst(7).first) + 1
    try folder.write(Array(whole[..<half]), to: "out.jsonl")
    let command = Self.sample.replacing("--quiet ", with: "")
    let result = try await runShell("\(command) --rejects no.jsonl --resume out.jsonl >> out.jsonl", in: folder.path)
    #expect(
      result.stderr == """
        nlft-sample: going on behind 4 records of out.jsonl
        nlft-sample: in.jsonl: line 3: not JSON: found '[' where an object is expected at byte 1
        nlft-sample: done 6, failed 1

        """)
    #expect(folder.content("no.jsonl") == Array("[1]\n".utf8))
  }

  @Test func outputThatWouldBeWrittenOverIsRefused() async throws {
    let (folder, whole) = try await Self.folder(Self.sample, Problems.questions)
    // The shell empties it before the tool starts, so that it is opened without.
    let result = try await runShell("\(Self.sample) --resume whole.jsonl 1<> whole.jsonl", in: folder.path)
    #expect(result.status == 64)
    #expect(
      result.stderr
        == "nlft-sample: --resume whole.jsonl: stdout is the same file and writes over it: append with >> whole.jsonl\n"
    )
    #expect(folder.content("whole.jsonl") == whole)
  }

  @Test func recordsThatChangedFail() async throws {
    let (folder, whole) = try await Self.folder(Self.sample, Problems.questions)
    let result = try await runShell(
      "sed -i s/pens/cups/ in.jsonl && \(Self.sample) --resume whole.jsonl > other.jsonl", in: folder.path)
    #expect(result.status == 65)
    #expect(folder.content("other.jsonl") == [])
    #expect(folder.content("whole.jsonl") == whole)
    #expect(
      result.stderr.split(separator: "\n").first
        == #"nlft-sample: in.jsonl: line 1: id "p0": whole.jsonl, line 1: has another question than the record"#)
  }

  @Test func recordsThatAreGoneAreTold() async throws {
    let (folder, _) = try await Self.folder(Self.sample, Problems.questions)
    let result = try await runShell(
      "head -n 2 in.jsonl > few.jsonl && \(Self.sample.replacing("in.jsonl", with: "few.jsonl")) --resume whole.jsonl",
      in: folder.path)
    #expect(result.status == 0)
    #expect(result.lines.count == 4)
    #expect(result.stderr == "nlft-sample: warning: --resume whole.jsonl: 4 of its records are not in the input\n")
  }

  @Test(arguments: [
    ("{\"id\":1}\nnonsense\n", "line 1: has no source, expected the output of the same command"),
    ("nonsense\n", "line 1: not JSON: found 'n' where an object is expected at byte 1"),
    (#"{"source":"p0"}"# + "\n" + #"{"source":"p1"}"# + "\n", #"line 2: follows 1 responses to id "p0", expected 2"#),
    (
      [0, 0, 1, 1, 0].map { "{\"source\":\"p\($0)\"}\n" }.joined(),
      #"line 5: id "p0" stands twice"#
    ),
  ])
  func outputOfSomethingElseIsRefused(content: String, reason: String) async throws {
    let (folder, _) = try await Self.folder(Self.sample, Problems.questions)
    try folder.write(content, to: "earlier.jsonl")
    let result = try await runShell("\(Self.sample) --resume earlier.jsonl", in: folder.path)
    #expect(result.status == 65)
    #expect(result.stdout.isEmpty)
    #expect(result.stderr == "nlft-sample: --resume earlier.jsonl: \(reason)\n")
  }

  @Test func missingOutputIsNamed() async throws {
    let (folder, _) = try await Self.folder(Self.sample, Problems.questions)
    let result = try await runShell("\(Self.sample) --resume no.jsonl", in: folder.path)
    #expect(result.status == 66)
    #expect(result.stderr == "nlft-sample: no.jsonl: cannot open: No such file or directory\n")
  }

  /// Frames that are gone, damaged, or made with something else are not gone on behind; nothing is touched.
  @Test(arguments: [
    (": > scores.safetensors.zst", "", "scores.safetensors.zst"),
    ("mv scores.safetensors.zst other.zst", "", "scores.safetensors.zst"),
    ("printf x | dd of=scores.safetensors.zst bs=1 seek=40 conv=notrunc 2> /dev/null", "", "scores.safetensors.zst"),
    ("sed -i s/scores.safetensors/other.safetensors/ whole.jsonl", "", "expected scores.safetensors.zst"),
    ("", #"--model "$OTHER_MODEL""#, "model"),
    (":", "--prompts prompts.json", "prompts"),
  ])
  func framesOfSomethingElseAreRefused(preparation: String, options: String, named: String) async throws {
    let (folder, _) = try await Self.folder(Self.judge, Problems.graded)
    try folder.write(
      #"{"base": "{question}", "standard": "{question} {answer}", "judge": "{question} {judgment}", "critique": "{question}"}"#,
      to: "prompts.json")
    let prepared = try await runShell(preparation, in: folder.path)
    try #require(prepared.status == 0, "\(prepared.stderr)")
    let (lines, archive) = (folder.content("whole.jsonl"), folder.content("scores.safetensors.zst"))
    // Of an option that is given twice the last counts.
    let result = try await runShell("\(Self.judge) \(options) --resume whole.jsonl >> whole.jsonl", in: folder.path)
    #expect(result.status == 65 || result.status == 66, "\(result.stderr)")
    #expect(result.stderr.contains(named) && result.stderr.count { $0 == "\n" } == 1, "\(result.stderr)")
    #expect(folder.content("whole.jsonl") == lines)
    #expect(folder.content("scores.safetensors.zst") == archive)
  }
}
