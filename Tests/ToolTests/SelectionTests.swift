import Records
import TemporaryFolders
import Testing

/// `--skip`, `--only` and `--limit`, which every tool that reads records has.
@Suite struct SelectionTests {
  private static func ids(_ result: ToolResult) throws -> [String] {
    try result.lines.flatMap { line in
      let record = try Record(parsing: Array(line.utf8))
      // nlft-step names the records of a step.
      return record["ids"]?.array?.compactMap(\.string) ?? [record.idText].compactMap { $0 }
    }
  }

  @Test(arguments: StreamedTool.all)
  func recordsLeftOutAreNeitherWrittenNorCounted(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    let input = good[0] + "\n" + "{broken\n" + good[1] + "\n" + tool.missing.line + "\n" + good[2] + "\n"
    let whole = try await tool.run(good.map { $0 + "\n" }.joined(), in: folder)
    func check(_ options: String, _ ids: [String], _ said: String) async throws {
      let result = try await tool.run(input, tool.order + options, in: folder)
      #expect(result.status == 0, "\(options): \(result.stderr)")
      #expect(try Self.ids(result) == ids, "\(options)")
      #expect(
        result.stderr.hasSuffix("\(tool.name): \(said)\n\(tool.name): done \(ids.count), failed 0\n"),
        "\(options): \(result.stderr)")
      if tool.passesRecords, ids.count == 1 {
        #expect(Set(result.lines.map(Self.withoutFrame)).isSubset(of: Set(whole.lines.map(Self.withoutFrame))))
      }
    }
    try await check("--skip 4", ["c3"], "left out 4 records")
    try await check("--only 2", ["2"], "left out 2 records, read nothing behind record 3")
    try await check("--only c3 --only a1", ["a1", "c3"], "left out 3 records, read nothing behind record 5")
    try await check("--limit 1", ["a1"], "read nothing behind record 1")
    try await check("--skip 2 --limit 1", ["2"], "left out 2 records, read nothing behind record 3")
  }

  /// Where a frame lies depends on those before it.
  private static func withoutFrame(_ line: String) -> String {
    guard var record = try? Record(parsing: Array(line.utf8)) else { return line }
    for field in ["scores", "loss"] { record.remove(field) }
    return String(decoding: record.encoded, as: UTF8.self)
  }

  @Test(.timeLimit(.minutes(1)), arguments: StreamedTool.all)
  func anEndlessStreamEnds(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    try folder.write(good.map { $0 + "\n" }.joined(), to: "good.jsonl")
    for option in ["--limit 3", "--only 2 --only a1 --only c3"] {
      let result = try await runShell(
        #"rm -rf adapter; { cat good.jsonl; yes '{"id":"more"}'; } | \#(tool.name) \#(tool.arguments) \#(option)"#,
        in: folder.path)
      #expect(result.status == 0, "\(result.stderr)")
      #expect(Set(try Self.ids(result)) == ["a1", "2", "c3"])
      #expect(result.stderr.hasSuffix("read nothing behind record 3\n\(tool.name): done 3, failed 0\n"))
    }
  }

  @Test(arguments: StreamedTool.all)
  func whatIsNotThereIsNamed(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    let input = good.map { $0 + "\n" }.joined()
    let some = try await tool.run(input, "--only c3 --only gone", in: folder)
    #expect(some.status == 0)
    #expect(some.stderr.contains("\(tool.name): warning: --only gone: no record in the input has this id\n"))
    #expect(try Self.ids(some) == ["c3"])
    let none = try await tool.run(input, "--skip 3", in: folder)
    #expect(none.status == 65)
    #expect(
      none.stderr.hasSuffix("\(tool.name): stdin: none of 3 records was asked for\n\(tool.name): done 0, failed 0\n"))
    for (option, message) in [
      ("--skip -1", "Error: --skip must not be below 0, not -1."),
      ("--limit 0", "Error: --limit must be above 0, not 0."),
    ] {
      let result = try await tool.run(input, option.replacing(" ", with: "="), in: folder)
      #expect(result.status == 64)
      #expect(result.stderr.hasPrefix(message), "\(result.stderr)")
    }
  }

  /// An id that is a place in the stream is the same whatever is left out.
  @Test func numbersAreThoseOfTheWholeStream() async throws {
    let folder = try TemporaryFolder()
    try folder.write((1...4).map { #"{"question":"\#($0)?"}"# + "\n" }.joined(), to: "in.jsonl")
    for (options, ids) in [("--skip 2", ["3", "4"]), ("--only 2", ["2"]), ("--skip 1 --limit 2", ["2", "3"])] {
      let result = try await runShell("nlft-tokenize --model \"$MODEL\" \(options) in.jsonl", in: folder.path)
      #expect(try Self.ids(result) == ids)
      #expect(result.lines.allSatisfy { line in ids.contains { line.hasPrefix(#"{"question":"\#($0)?"#) } })
    }
  }

  /// A run is tried on some records first, and then goes on with the others.
  @Test func anEarlierOutputIsGoneOnWith() async throws {
    let folder = try TemporaryFolder()
    try folder.write(Problems.questions, to: "in.jsonl")
    func sample(_ arguments: String) async throws -> ToolResult {
      let result = try await runShell(
        #"nlft-sample --model "$MODEL" --max-tokens 3 \#(arguments)"#, in: folder.path)
      #expect(result.status == 0, "\(result.stderr)")
      return result
    }
    let whole = try await sample("in.jsonl")
    _ = try await sample("--limit 2 in.jsonl > out.jsonl")
    let more = try await sample("--limit 4 --resume out.jsonl in.jsonl >> out.jsonl")
    #expect(folder.text("out.jsonl")?.split(separator: "\n").map(String.init) == Array(whole.lines.prefix(4)))
    #expect(more.stderr.hasSuffix("nlft-sample: read nothing behind record 4\nnlft-sample: done 4, failed 0\n"))
    let last = try await sample("--skip 4 --resume out.jsonl in.jsonl >> out.jsonl")
    #expect(folder.text("out.jsonl")?.split(separator: "\n").map(String.init) == whole.lines)
    #expect(!last.stderr.contains("not in the input"), "those that were left out are there")
    // Into another file: only what was asked for.
    #expect(try await sample("--only p1 --resume out.jsonl in.jsonl").lines == [whole.lines[1]])
  }

  @Test func gradesAreSummedUpOverWhatWasRead() async throws {
    let folder = try TemporaryFolder()
    try folder.write(Problems.graded, to: "in.jsonl")
    let result = try await runShell("nlft-grade --only right --only 2 --summary s.json in.jsonl", in: folder.path)
    #expect(result.status == 0)
    let summary = try JSON(parsing: try #require(folder.content("s.json")))
    #expect(summary["n"]?.integer == 2, "\(summary.text)")
  }
}

extension StreamedTool {
  /// Has nlft-step take the records in their order.
  fileprivate var order: String { name == "nlft-step" ? "--order stream " : "" }
}
