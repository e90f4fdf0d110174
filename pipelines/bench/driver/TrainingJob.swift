import Foundation

extension Bench {
  func runTraining() throws {
    try runTraining(
      "short answers", records: judgedStories(), batch: 4, short: ["--steps", "2"], long: ["--steps", "14"],
      steps: Array(2..<14))
    let stages = Stages(bench: self, folder: folder("step"))
    let loss = "\(stages.folder)/weighted.jsonl"
    if !results.rows.contains(where: { $0.job == "step" }) { _ = try stages.run(stepRecords()) }
    try runTraining(
      "as the step", records: loss, batch: 4, short: ["--epochs", "1"], long: ["--epochs", "4"], steps: [0, 0, 0])
  }

  /// Rows a second of nlft-step, from the difference of a long and a short run.
  /// - Parameter steps: the batches, by their place in the file, that only the long run trains on.
  private func runTraining(
    _ name: String, records: String, batch: Int, short: [String], long: [String], steps: [Int]
  ) throws {
    let all = try BenchRecord.read(records)
    let work = Work(shape: shape)
    var rows = 0
    var flops = 0.0
    for step in steps {
      let trained = try TrainedBatch(Array(all[step * batch..<min(all.count, (step + 1) * batch)]))
      rows += trained.rows.count
      flops += work.training(trained.rows, targets: trained.targets, rank: Stages.rank)
    }
    let output = folder("training") + "/adapter"
    func seconds(_ length: [String]) throws -> (wall: Double, peak: Double) {
      try? FileManager.default.removeItem(atPath: output)
      let arguments = ["--order", "stream", "--batch", "\(batch)", "--rank", "\(Stages.rank)", "--output", output]
      let cost = try runner.run(
        tool("step", arguments + length, input: records, called: "nlft-step \(length.joined(separator: " "))"))[0]
      return (cost.wall, cost.peak)
    }
    var times: [Double] = []
    var peak = 0.0
    for _ in 0..<settings.rounds {
      let less = try seconds(short)
      let more = try seconds(long)
      times.append(max(1e-9, more.wall - less.wall))
      peak = max(peak, more.peak)
    }
    let time = median(times)
    add(
      Row(
        "training", "\(name), \(rows / steps.count) rows a step", unit: "rows/s",
        ours: Figure(value: Double(rows) / time, peak: peak), flops: flops / time, goal: "≥ 70 % of peak",
        details: ["rows": Double(rows), "flops_per_row": flops / Double(rows), "seconds": time]))
  }

  /// Answers of the model to the demo's problems, judged and weighed; kept for the next run of the bench.
  func judgedStories() throws -> String {
    let place = folder("data") + "/stories"
    let weighted = "\(place)/weighted.jsonl"
    if FileManager.default.fileExists(atPath: weighted) { return weighted }
    try? FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let asked = "\(place)/asked.jsonl"
    try BenchRecord.write(Array(stories.problems.prefix(56)), to: asked)
    let sampling = [
      "--prompt", "standard", "--temperature", "0.6", "--seed", "1", "--max-tokens", "80", "--stop-after", "####",
    ]
    _ = try runner.run(tool("sample", sampling, input: asked, output: "\(place)/sampled.jsonl"))
    _ = try runner.run(tool("grade", [], input: "\(place)/sampled.jsonl", output: "\(place)/graded.jsonl"))
    let judging = ["--critic", "answer", "--archive", "\(place)/scores.safetensors.zst"]
    _ = try runner.run(tool("judge", judging, input: "\(place)/graded.jsonl", output: "\(place)/judged.jsonl"))
    let weighing = ["--method", "nlft-reference", "--archive", "\(place)/loss.safetensors.zst"]
    _ = try runner.run(tool("saliency", weighing, input: "\(place)/judged.jsonl", output: weighted + ".tmp"))
    try FileManager.default.moveItem(atPath: weighted + ".tmp", toPath: weighted)
    return weighted
  }
}
