import Foundation

extension Bench {
  /// The records that are tokenised: the given ones, or the demo's many times over.
  private func textRecords() throws -> String {
    if !settings.gsm8k.isEmpty { return settings.gsm8k }
    let path = folder("data") + "/texts.jsonl"
    if FileManager.default.fileExists(atPath: path) { return path }
    var records: [BenchRecord] = []
    for turn in 0..<35 {
      records += stories.problems.map { problem in
        var copy = problem
        copy.id = "\(problem.id)/\(turn)"
        copy.question = (problem.question ?? "") + " (\(turn))"
        return copy
      }
    }
    try BenchRecord.write(records, to: path)
    return path
  }

  func runTokenize() throws {
    let records = try textRecords()
    let tokenized = folder("tokenize") + "/tokenized.jsonl"
    let command = tool("tokenize", [], input: records, output: tokenized, threads: "1")
    let load = try load("tokenize", threads: "1")
    _ = try runner.run(command)
    struct Lengths: Decodable { var tokens: [String: [Int32]] }
    let text = try String(contentsOfFile: tokenized, encoding: .utf8)
    let tokens = try text.split(separator: "\n").reduce(0) { sum, line in
      try JSONDecoder().decode(Lengths.self, from: Data(line.utf8)).tokens.reduce(sum) { $0 + $1.value.count }
    }
    let ours = Contender(name: "ours") {
      let figure = try self.time(command, load: load)
      return Figure(value: Double(tokens) / figure.value, peak: figure.peak)
    }
    var peers: [Contender] = []
    if settings.python != nil {
      // What was rendered, markup and all, for the peer to turn into the same tokens.
      let texts = folder("tokenize") + "/texts.jsonl"
      let fields = ["base", "standard", "answer"].flatMap { ["--decode", $0] }
      _ = try runner.run(tool("tokenize", fields, input: tokenized, output: texts, called: "nlft-tokenize --decode"))
      let tokenizer = try exportedModel() + "/tokenizer.json"
      peers = ["one", "batch"].map { way in
        Contender(name: "tokenizers, \(way == "one" ? "one by one" : "in a batch")") {
          let (values, peak) = try self.peer(
            "tokenizers_rate.py", ["--tokenizer", tokenizer, "--texts", texts, "--way", way],
            called: "tokenizers, \(way)")
          if let wrong = values["different"], wrong > 0 { note("  \(Int(wrong)) texts have other tokens than ours") }
          return Figure(value: values["tokens_per_second"] ?? 0, peak: peak)
        }
      }
    }
    let found = try contest("tokenize").run(ours: [ours], peers: peers)
    let name =
      settings.gsm8k.isEmpty ? "the demo's problems, 35 times" : URL(fileURLWithPath: settings.gsm8k).lastPathComponent
    add(
      Row(
        "tokenize", "\(name), one thread", unit: "tok/s", ours: found.ours.figure,
        peer: found.peer.map { ($0.name, $0.figure) }, goal: "≥ 1×",
        details: (found.peer?.details ?? [:]).merging(["tokens": Double(tokens)]) { $1 }))
  }

  func runStart() throws {
    var slowest = (tool: "", seconds: 0.0, peak: 0.0)
    var details: [String: Double] = [:]
    for name in ["tokenize", "sample", "grade", "judge", "saliency", "step", "export"] {
      let costs = try runner.run(
        Command(name: "nlft-\(name) --help", arguments: ["\(settings.tools)/nlft-\(name)", "--help"]), runs: 20)
      let seconds = median(costs.map(\.wall))
      details["\(name)_seconds"] = seconds
      if seconds > slowest.seconds { slowest = (name, seconds, costs.map(\.peak).max() ?? 0) }
    }
    add(
      Row(
        "start", "--help, the slowest: nlft-\(slowest.tool)", unit: "s",
        ours: Figure(value: slowest.seconds, peak: slowest.peak), goal: "< 0.030 s", details: details))
    let question = folder("start") + "/question.jsonl"
    try BenchRecord.write([BenchRecord(id: "greeting", question: "How many days has a week?")], to: question)
    let costs = try runner.run(
      tool("sample", ["--max-tokens", "1"], input: question, called: "nlft-sample, first token"), runs: 10)
    add(
      Row(
        "start", "model mapped and first token", unit: "s",
        ours: Figure(value: median(costs.map(\.wall)), peak: costs.map(\.peak).max()), goal: "< 0.3 s"))
  }
}
