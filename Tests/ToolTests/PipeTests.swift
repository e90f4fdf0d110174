import Records
import Tensors
import TemporaryFolders
import Testing

/// The whole loop by hand: all stages in one pipe, and one after the other through files.
@Suite struct PipeTests {
  private static let stages = [
    #"nlft-tokenize --model "$MODEL""#,
    #"nlft-sample --model "$MODEL" --max-tokens 24 --temperature 0.8 --samples 2 --seed 5"#,
    "nlft-grade",
    #"nlft-judge --model "$MODEL" --critic answer --archive scores.safetensors.zst"#,
    "nlft-saliency --archive loss.safetensors.zst",
    #"nlft-step --model "$MODEL" --epochs 2 --learning-rate 1e-3 --output adapter"#,
  ]
  private static let adapterFiles = [
    "adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors.zst", "training_state.json",
  ]

  private static func withoutTime(_ lines: [Record]) -> [String] {
    lines.map { record in
      var record = record
      record.remove("seconds")
      return String(decoding: record.encoded, as: UTF8.self)
    }
  }

  @Test func onePipeDoesWhatFilesDo() async throws {
    let pipe = try TemporaryFolder()
    let piped = try await runShell(Self.stages.joined(separator: " | "), input: Problems.questions, in: pipe.path)
    #expect(piped.status == 0)
    for tool in ["tokenize", "sample"] { #expect(piped.stderr.contains("nlft-\(tool): done 6, failed 0\n")) }
    for tool in ["grade", "judge", "saliency", "step"] {
      #expect(piped.stderr.contains("nlft-\(tool): done 12, failed 0\n"))
    }
    #expect(piped.lines.count == 6)
    #expect(
      try TemporaryFolder.names(in: pipe.path) == ["adapter", "loss.safetensors.zst", "scores.safetensors.zst"])
    #expect(try TemporaryFolder.names(in: pipe.path + "/adapter") == Self.adapterFiles)

    let files = try TemporaryFolder()
    try files.write(Problems.questions, to: "0.jsonl")
    for (index, stage) in Self.stages.enumerated() {
      let result = try await runShell("\(stage) \(index).jsonl > \(index + 1).jsonl", in: files.path)
      #expect(result.status == 0, "\(result.stderr)")
    }
    let names = ["loss.safetensors.zst", "scores.safetensors.zst"] + Self.adapterFiles.map { "adapter/" + $0 }
    for name in names { #expect(pipe.content(name) == files.content(name), "\(name) differs") }
    #expect(Self.withoutTime(try piped.records) == Self.withoutTime(try files.records("6.jsonl")))
    // The last records of the pipe's middle, seen through tee.
    let middle = try await runShell(
      Self.stages[..<5].joined(separator: " | ") + " | cmp - \(files.path)/5.jsonl", input: Problems.questions,
      in: pipe.path)
    #expect(middle.status == 0, "\(middle.text)")
    try await checkWeighted(files)
  }

  private func checkWeighted(_ folder: TemporaryFolder) async throws {
    let records = try folder.records("5.jsonl")
    #expect(records.compactMap(\.idText) == (0..<6).flatMap { ["p\($0)/0", "p\($0)/1"] })
    for (index, record) in records.enumerated() {
      #expect(record["page"] == .number("\(index / 2).50"))
      let output = try #require(try record.tokens("output"))
      let scores = try ScoresFrame(parsing: folder.frame(record, "scores"), source: "scores")
      #expect(scores.tokens == output)
      #expect(scores.origin.id == record.idText)
      let loss = try LossFrame(parsing: folder.frame(record, "loss"), source: "loss")
      #expect(loss.classes?.count == output.count)
      #expect(try loss.sequences.first?.tokens == #require(try record.tokens("base")) + output)
    }
    // A frame cut out by hand, as the design shows it.
    let reference = try FrameReference(json: try #require(records.last?["scores"]), field: "scores")
    let cut = try await runShell(
      "tail -c +\(reference.offset + 1) \(reference.archive) | head -c \(reference.bytes) | zstd -dcq", in: folder.path)
    #expect(try TensorFile(parsing: cut.stdout, source: "cut") == folder.frame(#require(records.last), "scores"))
  }
}
