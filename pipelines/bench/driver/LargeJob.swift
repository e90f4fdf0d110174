import Foundation

extension Bench {
  func runLarge() throws {
    let path = folder("large") + "/random-8B.Q4_0.gguf"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try? FileManager.default.removeItem(atPath: path)
    let model = LargeModel(tokenizerFrom: try GGUFHeader(path: settings.model))
    let values = try URL(fileURLWithPath: folder("large")).resourceValues(forKeys: [.volumeAvailableCapacityKey])
    let room = values.volumeAvailableCapacity ?? 0
    guard room > model.bytes + 1 << 30 else {
      throw Failure("\(path) needs \(model.bytes >> 30) GiB and 1 GiB to spare, and there are \(room >> 30) GiB")
    }
    note("writing \(path), \(model.bytes >> 20) MiB")
    try model.write(to: path)
    let stages = Stages(bench: self, folder: folder("large"), model: path)
    let finding = try stages.run(try stepRecords())
    let work = try stages.work(LargeModel.shape)
    var details = finding.details
    details["scoring_rows"] = Double(work.scoringRows)
    details["training_rows"] = Double(work.trainingRows)
    details["scoring_rows_per_second"] = Double(work.scoringRows) / (finding.details["judge_seconds"] ?? 0)
    details["training_rows_per_second"] = Double(work.trainingRows) / (finding.details["step_seconds"] ?? 0)
    details["loads_seconds"] = finding.loads
    add(
      Row(
        "large", "one step of an 8B model in Q4_0", unit: "s", ours: Figure(value: finding.seconds, peak: finding.peak),
        flops: work.flops / finding.seconds, goal: "< 8 GB", details: details))
    add(
      Row(
        "large", "its rows, scored and trained", unit: "rows/s",
        ours: Figure(value: Double(work.scoringRows + work.trainingRows) / finding.seconds), goal: ""))
  }

  func runGrowth() throws {
    for count in [1, 2, 4, 8, 16] {
      let records = folder("growth") + "/records.jsonl"
      try BenchRecord.write(Array(longRecords(16).prefix(count)), to: records)
      // All records in one step: the most that can pile up.
      let stages = Stages(bench: self, folder: folder("growth"), batch: count)
      let findings = try (0..<max(1, settings.rounds / 2)).map { _ in try stages.run(records) }
      let load = try ["judge", "saliency", "step"].map { try self.load($0).peak }.max() ?? 0
      let seconds = median(findings.map(\.seconds))
      let peak = findings.map(\.peak).max() ?? 0
      add(
        Row(
          "growth", "\(count) \(count == 1 ? "record" : "records"), each", unit: "s",
          ours: Figure(value: seconds / Double(count), peak: (peak - load) / Double(count)), goal: "flat or falling",
          details: (findings.last?.details ?? [:]).merging(
            ["seconds": seconds, "peak_bytes": peak, "load_peak_bytes": load]
          ) { $1 }))
    }
  }
}
