import Foundation

/// One NLFT optimiser step through the stages.
struct Stages {
  let bench: Bench
  /// Where the stages' files go.
  let folder: String
  var model: String?
  var batch = 4
  static let rank = 16

  struct Finding {
    /// Without the loads.
    var seconds = 0.0
    var peak = 0.0
    var loads = 0.0
    /// Seconds and bytes of each stage.
    var details: [String: Double] = [:]
  }

  private var judge: [String] { ["--critic", "none", "--archive", "\(folder)/scores.safetensors.zst"] }
  private var step: [String] { ["--batch", "\(batch)", "--rank", "\(Self.rank)", "--output", "\(folder)/adapter"] }
  private var weigh: [String] { ["--method", "nlft-reference", "--archive", "\(folder)/loss.safetensors.zst"] }

  /// Takes records through the four stages.
  /// - Parameter tokenize: whether that stage is part of it.
  func run(_ records: String) throws -> Finding {
    let stages: [(name: String, arguments: [String], output: String)] = [
      ("tokenize", [], "tokenized.jsonl"), ("judge", judge, "judged.jsonl"), ("saliency", weigh, "weighted.jsonl"),
      ("step", step, "steps.jsonl"),
    ]
    var finding = Finding()
    var input = records
    for (name, arguments, output) in stages {
      try? FileManager.default.removeItem(atPath: "\(folder)/adapter")
      let load = try bench.load(name, arguments, model: model)
      try? FileManager.default.removeItem(atPath: "\(folder)/adapter")
      let command = bench.tool(name, arguments, input: input, output: "\(folder)/\(output)", model: model)
      let figure = try bench.time(command, load: load)
      finding.seconds += figure.value
      finding.loads += load.wall
      finding.peak = max(finding.peak, figure.peak ?? 0)
      finding.details["\(name)_seconds"] = figure.value
      finding.details["\(name)_load_seconds"] = load.wall
      finding.details["\(name)_peak_bytes"] = figure.peak
      input = "\(folder)/\(output)"
    }
    return finding
  }

  /// Takes tokenized records through one step whose scores come from the pass that is differentiated.
  func runSinglePass(_ records: String) throws -> Finding {
    let arguments = step + ["--rescore", "nlft-reference", "--single-pass"]
    try? FileManager.default.removeItem(atPath: "\(folder)/adapter")
    let load = try bench.load("step", arguments, model: model)
    try? FileManager.default.removeItem(atPath: "\(folder)/adapter")
    let command = bench.tool(
      "step", arguments, input: records, output: "\(folder)/single-pass.jsonl", model: model)
    let figure = try bench.time(command, load: load)
    return Finding(seconds: figure.value, peak: figure.peak ?? 0, loads: load.wall)
  }

  /// What the last run computed: rows and operations of scoring and of the step.
  func work(
    _ shape: ModelShape
  ) throws -> (scoringRows: Int, trainingRows: Int, flops: Double, singlePassFlops: Double) {
    let judged = try BenchRecord.read("\(folder)/judged.jsonl")
    let work = Work(shape: shape)
    let scored = Work.Rows(judged.flatMap(\.scoredSequences))
    let targets = judged.reduce(0) { $0 + $1.scoredTargets }
    let flops = work.forward(scored, targets: targets)
    let trained = try TrainedBatch(BenchRecord.read("\(folder)/weighted.jsonl"))
    let training = work.training(trained.rows, targets: trained.targets, rank: Self.rank)
    // In a single pass what is learned goes forward with what is scored.
    let shared = work.forward(trained.rows, targets: trained.targets)
    return (scored.count, trained.rows.count, flops + training, flops + training - shared)
  }
}

/// The sequences of one step's loss frames.
struct TrainedBatch {
  var rows: Work.Rows
  /// Places where the head is needed.
  var targets = 0

  init(_ records: [BenchRecord]) throws {
    var sequences: [[Int32]] = []
    for record in records {
      guard let loss = record.loss else { throw Failure("the record \(record.id) has no loss frame") }
      let frame = try Frame(loss)
      var index = 0
      while let tokens = frame.integers("sequence.\(index).tokens") {
        let weights = [frame.bits("sequence.\(index).likelihood"), frame.bits("sequence.\(index).unlikelihood")]
        // A place without weight costs nothing, and neither does what lies behind the last one that has any.
        let positions = (frame.integers("sequence.\(index).positions") ?? []).enumerated().filter { place, _ in
          weights.contains { $0.indices.contains(place) && $0[place] & 0x7FFF_FFFF != 0 }
        }.map(\.element)
        sequences.append(Array(tokens.prefix(Int(positions.max() ?? -1) + 1)))
        targets += Set(positions).count
        index += 1
      }
    }
    rows = Work.Rows(sequences)
  }
}

extension Bench {
  /// The records of the step: the given file, or generated ones.
  func stepRecords() throws -> String {
    if !settings.step4.isEmpty {
      note("records of the step: \(settings.step4)")
      return settings.step4
    }
    let path = folder("data") + "/step4.jsonl"
    try BenchRecord.write(longRecords(4), to: path)
    note("records of the step: generated, \(path) (STEP4= names others)")
    return path
  }

  /// Records with one long instruction; of four, two are correct.
  func longRecords(_ count: Int) -> [BenchRecord] {
    let instruction = stories.longInstruction(examples: 13)
    return (0..<count).map {
      stories.record($0, stories: 3, instruction: instruction, isCorrect: $0 % 4 < 2)
    }
  }

  /// PyTorch's ways of the step, each with its goal and the memory that it takes, in gigabytes.
  private static let stepPeers: [(variant: String, type: String, goal: String, memory: Double)] = [
    ("reference", "float32", "≥ 20×, ≤ 1.2 GB", 21), ("reference", "bfloat16", "", 15),
    ("lean", "float32", "", 9), ("lean", "bfloat16", "≥ 5×, ≤ 1.2 GB", 6),
  ]

  func runStep() throws {
    let records = try stepRecords()
    let stages = Stages(bench: self, folder: folder("step"))
    var findings: [Stages.Finding] = []
    var single: [Stages.Finding] = []
    func runOurs() throws {
      findings.append(try stages.run(records))
      single.append(try stages.runSinglePass("\(stages.folder)/tokenized.jsonl"))
    }
    try runOurs()
    var peers: [(name: String, figure: Figure, goal: String)] = []
    for (variant, type, goal, memory) in settings.python == nil ? [] : Self.stepPeers {
      let name = "PyTorch + PEFT, \(variant == "lean" ? "leanest" : "as the reference"), \(type)"
      if type == "bfloat16", !processorHasWideVectors() {
        note("\(name): left out, as without AVX-512 it takes longer than in float32 by far")
        continue
      }
      do {
        let figure = try pytorchStep(variant, type, memory: memory)
        peers.append((name, figure, goal))
      } catch {
        if Interruption.isAsked { throw error }
        fail("step, \(name)", error)
      }
      try runOurs()
    }
    while findings.count < settings.rounds { try runOurs() }
    let work = try stages.work(shape)
    var details: [String: Double] = [
      "loads_seconds": median(findings.map(\.loads)), "scoring_rows": Double(work.scoringRows),
      "training_rows": Double(work.trainingRows), "runs": Double(findings.count),
    ]
    for key in findings[0].details.keys { details[key] = median(findings.compactMap { $0.details[key] }) }
    let ways = [
      ("one NLFT step, 4 records", findings, work.flops),
      ("the same in a single pass", single, work.singlePassFlops),
    ]
    for (measure, findings, flops) in ways {
      let ours = Figure(value: median(findings.map(\.seconds)), peak: findings.map(\.peak).max())
      func add(_ peer: (name: String, figure: Figure)?, goal: String) {
        self.add(
          Row(
            "step", measure, unit: "s", ours: ours, peer: peer, flops: flops / ours.value, goal: goal, details: details)
        )
      }
      for (name, figure, goal) in peers { add((name, figure), goal: goal) }
      if peers.isEmpty { add(nil, goal: "≤ 1.2 GB") }
    }
  }

  private func pytorchStep(_ variant: String, _ type: String, memory: Double) throws -> Figure {
    let information = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    let line = information.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    let available = line.flatMap { Double($0.filter(\.isNumber)) }.map { $0 * 1024e-9 } ?? .infinity
    guard available >= memory else {
      throw Failure(String(format: "it takes %.0f GB of memory, and there are %.1f", memory, available))
    }
    var arguments = [
      "--model", try exportedModel(), "--records", "\(settings.work)/step/tokenized.jsonl", "--variant", variant,
      "--dtype", type,
    ]
    if !settings.threads.isEmpty { arguments += ["--threads", settings.threads] }
    let (values, peak) = try peer("pytorch_step.py", arguments, called: "\(variant) step in PyTorch \(type)")
    return Figure(value: values["seconds"] ?? 0, peak: peak)
  }
}
