import TemporaryFolders
import Testing

/// Files that are input and output at once, two runs at once, and descriptors that are not there.
@Suite struct OutputTests {
  private static let records = """
    {"id":1,"answer":"#### 5","output":"#### 5"}
    {"id":2,"answer":"#### 6","output":"#### 5"}

    """

  /// Nothing is written anywhere, and the message says what is what.
  @Test(arguments: [
    ("nlft-grade a.jsonl >> a.jsonl", "stdout is the input file a.jsonl: write to another file"),
    ("nlft-grade < a.jsonl >> a.jsonl", "stdout is the input, stdin: write to another file"),
    ("nlft-grade b.jsonl a.jsonl >> link", "stdout is the input file a.jsonl: write to another file"),
    ("nlft-grade --rejects a.jsonl a.jsonl", "--rejects a.jsonl is the input file a.jsonl: write to another file"),
    (
      "nlft-grade --rejects a a.reasons",
      "the reasons of --rejects, a.reasons is the input file a.reasons: write to another file"
    ),
    ("nlft-grade --summary ./a.jsonl a.jsonl", "--summary ./a.jsonl is the input file a.jsonl: write to another file"),
    (
      "nlft-grade --summary link --compare a.jsonl b.jsonl",
      "--summary link is the file a.jsonl, which is read: write to another file"
    ),
    ("nlft-grade --summary new --rejects new a.jsonl", "--summary new and --rejects new are the same file"),
    ("nlft-grade --rejects b.jsonl a.jsonl >> b.jsonl", "--rejects b.jsonl and stdout are the same file"),
    (
      "nlft-saliency --archive a.jsonl a.jsonl", "--archive a.jsonl is the input file a.jsonl: write to another file"
    ),
    (
      #"ln -s "$MODEL" model; nlft-judge --model model --archive model/model.safetensors a.jsonl"#,
      "--archive model/model.safetensors is the file model.safetensors of model: write to another file"
    ),
    (
      #"nlft-judge --model "$MODEL" --archive b.jsonl a.jsonl"#,
      "b.jsonl: holds something that is no tensor archive; it is not overwritten"
    ),
    (
      #"ln -s "$MODEL" model; nlft-tokenize --model model --rejects model/config.json a.jsonl"#,
      "--rejects model/config.json is the file config.json of model: write to another file"
    ),
  ])
  func inputsAreNotOverwritten(_ command: String, _ message: String) async throws {
    let folder = try TemporaryFolder()
    for name in ["a.jsonl", "b.jsonl", "a.reasons"] { try folder.write(Self.records, to: name) }
    let result = try await runShell("ln -s a.jsonl link; \(command)", in: folder.path)
    #expect(result.status == (message.contains("no tensor archive") ? 74 : 64))
    #expect(result.stderr.hasSuffix(": \(message)\n"), "\(result.stderr)")
    #expect(result.stderr.split(separator: "\n").count == 1)
    for name in ["a.jsonl", "b.jsonl", "a.reasons"] { #expect(folder.text(name) == Self.records) }
  }

  @Test func devicesMayBeNamedTwice() async throws {
    let result = try await runShell(
      "nlft-grade --quiet --rejects /dev/null --summary /dev/null < /dev/null > /dev/null",
      input: Array(Self.records.utf8))
    #expect(result.status == 65, "\(result.stderr)")
    #expect(!result.stderr.contains("same file"))
  }

  /// Where stdout is closed, the next file that is opened must not take its place.
  @Test func withoutStdoutNothingElseIsWrittenInto() async throws {
    let folder = try await Problems.judged()
    let closed = try await runShell("nlft-saliency --quiet --archive l.zst judged.jsonl >&-", in: folder.path)
    #expect(closed.status == 74)
    #expect(closed.stderr == "nlft-saliency: stdout: cannot write: Bad file descriptor\n")
    #expect(try folder.read("l.zst").starts(with: [0x28, 0xB5, 0x2F, 0xFD]))
    let noInput = try await runShell("nlft-grade --quiet <&-", in: folder.path)
    #expect(noInput.status == 74)
    #expect(noInput.stderr == "nlft-grade: stdin: cannot read: Bad file descriptor\n")
    let silent = try await runShell("nlft-grade --rejects bad judged.jsonl 2>&-", in: folder.path)
    #expect(silent.lines.count == 4)
    #expect(folder.text("bad") == "")
  }

  @Test(arguments: ["--gguf model/model.safetensors", "--gguf in/adapter_config.json", "--merge model", "--merge in"])
  func exportsDoNotReplaceWhatTheyRead(_ option: String) async throws {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      #"cp -r "$MODEL" model; mkdir in; echo '{}' > in/adapter_config.json; "#
        + "nlft-export --model model --adapter in \(option); status=$?; cmp model/model.safetensors \"$MODEL/model.safetensors\"; exit $status",
      in: folder.path)
    #expect(result.status == 64, "\(result.stderr)")
    #expect(result.stderr.contains("write to another"))
    #expect(result.text == "")
  }

  @Test func twoRunsIntoOneAdapterAreRefused() async throws {
    let (folder, good) = try await StreamedTool.all[4].prepared()
    try folder.write(good.map { $0 + "\n" }.joined(), to: "in.jsonl")
    let result = try await runShell(
      """
      mkfifo in
      nlft-step --quiet --model "$MODEL" --output adapter in > first.jsonl &
      exec 3> in
      until ls -A | grep -q '^.adapter.*tmp'; do :; done
      nlft-step --model "$MODEL" --output adapter/ in.jsonl
      echo $?
      cat in.jsonl >&3
      exec 3>&-
      wait $! || exit 1
      ls -A | grep -c tmp
      ls adapter | wc -l
      """, in: folder.path)
    #expect(result.lines.map { $0.filter { $0 != " " } } == ["74", "0", "4"])
    #expect(result.stderr == "nlft-step: adapter/: is being written by another process\n")
  }

  #if os(Linux)
    /// A limit on the size of files stands for a quota: nothing is lost but the run.
    @Test(arguments: StreamedTool.all)
    func aFileThatMayNotGrowIsReported(tool: StreamedTool) async throws {
      let (folder, good) = try await tool.prepared()
      try folder.write(good.map { $0 + "\n" }.joined(), to: "in.jsonl")
      let result = try await runShell(
        "{ ulimit -f 0; \(tool.name) \(tool.arguments) --quiet --rejects bad in.jsonl; echo $?; } | cat",
        in: folder.path)
      let lines = result.stderr.split(separator: "\n")
      let writes = tool.arguments.contains("--archive") || tool.arguments.contains("--output")
      #expect(result.lines.last == (writes ? "74" : "0"))
      #expect(lines.count == (writes ? 1 : 0), "\(result.stderr)")
      #expect(lines.allSatisfy { $0.hasSuffix(": File too large") }, "\(result.stderr)")
      #expect(!folder.names.contains { $0.hasSuffix(".tmp") }, "\(folder.names)")
      #expect(!folder.names.contains("adapter"))
    }
  #endif
}
