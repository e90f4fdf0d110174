import Records
import Testing

/// What every tool promises of its stream, whatever it does with the records.
@Suite struct StreamContractTests {
  private static func ids(_ result: ToolResult) throws -> [String] {
    try result.lines.compactMap { try Record(parsing: Array($0.utf8)).idText }
  }

  @Test(arguments: StreamedTool.all)
  func goodRecordsKeepTheirFieldsAndOrder(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    let result = try await tool.run(good.map { $0 + "\n" }.joined(), in: folder)
    #expect(result.status == 0)
    let notes = (tool.notes + ["done 3, failed 0"]).map { "\(tool.name): \($0)\n" }
    #expect(result.stderr == notes.joined())
    #expect(result.lines.count == 3)
    guard tool.passesRecords else { return }
    for (line, source) in zip(result.lines, good) {
      #expect(line.hasPrefix(source.dropLast() + ","), "a field was changed")
    }
  }

  @Test(arguments: StreamedTool.all)
  func badRecordsCostThemselvesOnly(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    let bad: [(line: String, reason: String)] = [
      (#"{"id":30,"#, "line 2: not JSON: the text ends where a key in quotes is expected at byte 10"),
      (tool.missing.line, "line 3: id 40: \(tool.missing.reason)"),
      (tool.wrongType.line, "line 4: id 50: \(tool.wrongType.reason)"),
      ("[1]", "line 5: not JSON: found '[' where an object is expected at byte 1"),
      (good[0], #"line 6: id "a1": another record before it has the same id"#),
      (#"{"id":[7]}"#, #"line 8: field "id": found an array, expected a string or an integer"#),
      (#"{"id":"torn","qu"#, "line 9: the last line is torn: not JSON: a string has no closing quote at byte 14"),
    ]
    let lines = [good[0], bad[0].line, bad[1].line, bad[2].line, bad[3].line, bad[4].line, good[1], bad[5].line]
    let input = lines.map { $0 + "\n" }.joined() + bad[6].line
    let result = try await tool.run(input, "--rejects bad.jsonl", in: folder)
    #expect(result.status == 65)
    // Failures of records that are worked on together are reported when their turn comes.
    let reasons = (bad.map(\.reason) + tool.notes).map { "\(tool.name): \($0)" }
    #expect(result.stderr.split(separator: "\n").dropLast().sorted() == reasons.map { $0[...] }.sorted())
    #expect(result.stderr.hasSuffix("\(tool.name): done 2, failed 7\n"))
    if tool.passesRecords { #expect(try Self.ids(result) == ["a1", "2"]) }
    let rejects = folder.content("bad.jsonl").map { String(decoding: $0, as: UTF8.self) }
    #expect(rejects == bad.map { $0.line + "\n" }.joined())
    let rejectReasons = folder.content("bad.jsonl.reasons").map { String(decoding: $0, as: UTF8.self) }
    #expect(rejectReasons == bad.map { $0.reason + "\n" }.joined())

    let tolerant = try await tool.run(input, "--keep-going --quiet", in: folder)
    #expect(tolerant.status == 0)
    #expect(!tolerant.stderr.contains("done"))
    #expect(try tool.comparable(tolerant) == tool.comparable(result))
    let allFailed = try await tool.run(tool.missing.line + "\n", "--keep-going", in: folder)
    #expect(allFailed.status == 65)
    #expect(allFailed.stdout == [])
  }

  @Test(arguments: StreamedTool.all)
  func emptyStreamIsAnError(tool: StreamedTool) async throws {
    let (folder, _) = try await tool.prepared()
    let result = try await tool.run(" \n\n", in: folder)
    #expect(result.status == 65)
    #expect(result.stdout == [])
    #expect(result.stderr == "\(tool.name): stdin: no records\n\(tool.name): done 0, failed 0\n")
  }

  @Test(arguments: StreamedTool.all)
  func lineEndsMarksAndArraysAreAccepted(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    let plain = try await tool.run(good.map { $0 + "\n" }.joined(), in: folder)
    let forms = [
      "\u{FEFF}" + good.joined(separator: "\r\n\r\n") + "\r\n", good.joined(separator: "\n"),
      "[\n" + good.joined(separator: ",\n") + "\n]\n", "\u{FEFF}\r\n[" + good.joined(separator: ", ") + "]",
    ]
    for form in forms {
      let result = try await tool.run(form, in: folder)
      #expect(result.status == 0)
      #expect(try tool.comparable(result) == tool.comparable(plain))
    }
  }

  @Test(arguments: StreamedTool.all)
  func compressedRecordsAreRead(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    let lines = good.map { $0 + "\n" }.joined()
    let plain = try await tool.run(lines, in: folder)
    try folder.write(lines, to: "in.jsonl")
    let result = try await runShell(
      "gzip -n < in.jsonl > in.jsonl.gz; \(tool.name) \(tool.arguments) in.jsonl.gz", in: folder.path)
    #expect(result.status == 0)
    let said = "\(tool.name): in.jsonl.gz: compressed by gzip\n"
    #expect(result.stderr == said + plain.stderr.replacing("stdin: ", with: "in.jsonl.gz: "))
    #expect(try tool.comparable(result) == tool.comparable(plain))
  }

  /// An upstream that dies: what came whole is processed and written, and the tool says why there is no more.
  @Test(arguments: StreamedTool.all)
  func tornCompressionEndsIt(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    try folder.write(good[0] + "\n" + good[1] + "\n", to: "whole.jsonl")
    try folder.write(good[2] + "\n", to: "torn.jsonl")
    let result = try await runShell(
      """
      rm -rf adapter
      { gzip < whole.jsonl; gzip < torn.jsonl | head -c 25; } | \(tool.name) \(tool.arguments)
      status=$?
      ls adapter 2> /dev/null
      exit $status
      """, in: folder.path)
    #expect(result.status == 74)
    #expect(result.stderr.hasSuffix("\(tool.name): stdin: the gzip data is truncated\n"))
    #expect(try Self.ids(result) == (tool.passesRecords ? ["a1", "2"] : []))
  }

  #if os(Linux)
    @Test(arguments: StreamedTool.all)
    func fullDiskIsReported(tool: StreamedTool) async throws {
      let (folder, good) = try await tool.prepared()
      let result = try await tool.run(good[0] + "\n", "--quiet > /dev/full", in: folder)
      #expect(result.status == 74)
      #expect(result.stderr == "\(tool.name): stdout: cannot write: No space left on device\n")
    }
  #endif

  @Test(arguments: StreamedTool.all)
  func closedStdoutEndsQuietly(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    try folder.write(good.map { $0 + "\n" }.joined(), to: "in.jsonl")
    // The tool starts when its reader is surely gone.
    let result = try await runShell(
      """
      mkfifo gate
      { read -r gone < gate; \(tool.name) \(tool.arguments) --quiet in.jsonl; echo $? > status; } | { exec 0<&-; echo > gate; }
      cat status
      """, in: folder.path)
    #expect(result.text == "0\n")
    #expect(result.stderr == "")
    let head = try await runShell("\(tool.name) \(tool.arguments) --quiet in.jsonl | head -n 1", in: folder.path)
    #expect(head.lines.count == 1)
    #expect(head.stderr == "")
  }

  @Test(arguments: StreamedTool.all)
  func terminationEndsIt(tool: StreamedTool) async throws {
    let (folder, _) = try await tool.prepared()
    // The file for rejects is made when the tool is about to read its first record.
    let result = try await runShell(
      """
      mkfifo in
      \(tool.name) \(tool.arguments) --rejects bad.jsonl in &
      exec 3> in
      until ls -A | grep -q 'bad.jsonl.*tmp'; do :; done
      kill -TERM $!
      wait $! 2> /dev/null
      echo $?
      ls -A | grep -e tmp -e bad
      """, in: folder.path)
    #expect(result.text == "143\n")
  }

  @Test(arguments: StreamedTool.all)
  func unusableOptionsAndFiles(tool: StreamedTool) async throws {
    let (folder, good) = try await tool.prepared()
    try folder.write(good[0] + "\n", to: "in.jsonl")
    try folder.write("not a model\n", to: "text.gguf")
    func expect(_ arguments: String, _ status: Int, _ message: String) async throws {
      let result = try await runShell("\(tool.name) \(arguments)", in: folder.path)
      #expect(result.status == status, "\(arguments)")
      #expect(result.stderr.contains(message), "\(arguments): \(result.stderr)")
      #expect(result.stdout == [], "\(arguments)")
    }
    try await expect("\(tool.arguments) --threads 0 in.jsonl", 64, "Error: --threads must be above 0, not 0.")
    try await expect("\(tool.arguments) --threads two in.jsonl", 64, "Error: The value 'two' is invalid for '--threads")
    try await expect("\(tool.arguments) --modle x in.jsonl", 64, "Error: Unknown option '--modle'")
    try await expect(
      "\(tool.arguments) in.jsonl gone.jsonl", 66,
      "\(tool.name): gone.jsonl: cannot open: No such file or directory\n")
    try await expect("\(tool.arguments) --rejects - in.jsonl", 64, "Error: --rejects needs a file name")
    // nlft-saliency asks for a model only when it is to show texts.
    let others = tool.arguments.replacing(#"--model "$MODEL""#, with: "")
    if others != tool.arguments {
      try await expect("\(others) in.jsonl", 64, "Error: Missing expected argument '--model")
    }
    let optional = others == tool.arguments ? "--ansi" : ""
    try await expect(
      "\(others) \(optional) --model gone in.jsonl", 66,
      "\(tool.name): gone: cannot open the model: No such file or directory\n")
    try await expect(
      "\(others) \(optional) --model text.gguf in.jsonl", 65,
      "\(tool.name): text.gguf: not a GGUF file: it does not start with \"GGUF\"\n")
    try await expect("\(others) \(optional) --model . in.jsonl", 66, "\(tool.name): .: there is no ")
  }
}
