import Foundation

extension Bench {
  /// Scores of 800 records with 200 tokens each: 16 that the model judged, 50 times over under other names. Kept for the
  /// next run of the bench.
  private func storedScores() throws -> String {
    let place = folder("data") + "/scores"
    let path = "\(place)/judged.jsonl"
    if FileManager.default.fileExists(atPath: path) { return path }
    try? FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let asked = "\(place)/asked.jsonl"
    let first = "\(place)/first.jsonl"
    var records = try critiquedRecords(16)
    for index in records.indices {
      // One response runs into the next, so that each has 200 tokens.
      let both = [records[index], records[(index + 1) % records.count]].flatMap { $0.tokens?.output ?? [] }
      guard both.count >= 200 else { throw Failure("two responses have only \(both.count) tokens") }
      records[index].tokens?.output = Array(both.prefix(200))
      guard index % 2 == 0 else { continue }
      records[index].judgment = nil
      records[index].tokens?.judge = nil
      records[index].correct = true
    }
    try BenchRecord.write(records, to: asked)
    let arguments = ["--critic", "none", "--archive", "\(place)/first.safetensors.zst"]
    _ = try runner.run(tool("judge", arguments, input: asked, output: first))
    let archive = "\(place)/scores.safetensors.zst"
    _ = FileManager.default.createFile(atPath: archive, contents: nil)
    guard let file = FileHandle(forWritingAtPath: archive) else { throw Failure("cannot write \(archive)") }
    defer { try? file.close() }
    var copies: [BenchRecord] = []
    var offset = 0
    for record in try BenchRecord.read(first) {
      guard let scores = record.scores else { throw Failure("\(record.id) has no scores") }
      var frame = try Frame(scores)
      for turn in 0..<50 {
        var copy = record
        copy.id = "\(record.id)/\(turn)"
        frame.metadata["id"] = copy.id
        let bytes = try frame.encoded()
        try file.write(contentsOf: bytes)
        copy.scores = FrameReference(archive: archive, offset: offset, bytes: bytes.count)
        offset += bytes.count
        copies.append(copy)
      }
    }
    try BenchRecord.write(copies, to: path)
    return path
  }

  func runSaliency() throws {
    let scores = try storedScores()
    for method in ["nlft", "nlft-reference"] {
      let arguments = ["--method", method, "--archive", folder("saliency") + "/loss.safetensors.zst"]
      let costs = try runner.run(
        tool("saliency", arguments, input: scores, called: "nlft-saliency --method \(method)"),
        runs: max(3, settings.rounds))
      add(
        Row(
          "saliency", "800 × 200 tokens, \(method)", unit: "s",
          ours: Figure(value: median(costs.map(\.wall)), peak: costs.map(\.peak).max()), goal: "< 1 s"))
    }
  }
}
