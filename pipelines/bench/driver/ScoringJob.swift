import Foundation

extension Bench {
  /// Incorrect records with critiques, tokenised.
  func critiquedRecords(_ count: Int) throws -> [BenchRecord] {
    let plain = folder("scoring") + "/records.jsonl"
    let tokenized = folder("scoring") + "/tokenized.jsonl"
    let instruction = stories.problems[0].instruction ?? ""
    try BenchRecord.write(
      (0..<count).map { stories.record($0, stories: 3, instruction: instruction, isCorrect: false) }, to: plain)
    _ = try runner.run(tool("tokenize", [], input: plain, output: tokenized))
    return try BenchRecord.read(tokenized)
  }

  func runScoring() throws {
    let shared = folder("scoring") + "/tokenized.jsonl"
    let unshared = folder("scoring") + "/unshared.jsonl"
    var records = try critiquedRecords(24)
    // Another first token in each prompt: then no two share a prefix.
    for index in records.indices {
      let first = Int32(1000 + 3 * index)
      records[index].tokens?.base?[0] = first
      records[index].tokens?.standard?[0] = first + 1
      records[index].tokens?.judge?[0] = first + 2
    }
    try BenchRecord.write(records, to: unshared)
    let sequences = records.flatMap(\.scoredSequences)
    let rows = Work.Rows(sequences)
    let tokens = Double(sequences.reduce(0) { $0 + $1.count })
    guard rows.count == Int(tokens) else {
      throw Failure("the prompts of the job scoring share \(Int(tokens) - rows.count) rows")
    }
    let flops = Work(shape: shape).forward(rows, targets: records.reduce(0) { $0 + $1.scoredTargets })

    let arguments = ["--critic", "none", "--archive", folder("scoring") + "/scores.safetensors.zst"]
    let load = try load("judge", arguments)
    func contender(_ name: String, _ input: String) -> Contender {
      Contender(name: name) {
        let figure = try self.time(
          self.tool("judge", arguments, input: input, called: "nlft-judge, \(name)"), load: load)
        return Figure(value: tokens / figure.value, peak: figure.peak)
      }
    }
    let peers = try llamaContenders("prompts", tokens: unshared)
    let contest = contest("scoring")
    let found = try contest.run(ours: [contender("nothing shared", unshared)], peers: peers)
    add(
      Row(
        "scoring", "prompts that share nothing", unit: "tok/s", ours: found.ours.figure,
        peer: found.peer.map { ($0.name, $0.figure) }, flops: flops / tokens * found.ours.figure.value, goal: "≥ 1.3×",
        details: (found.peer?.details ?? [:]).merging(["tokens": tokens]) { $1 }))
    let sharing = try contest.run(ours: [contender("prefixes shared", shared)], peers: [])
    let sharedRows = Work.Rows(try BenchRecord.read(shared).flatMap(\.scoredSequences))
    add(
      Row(
        "scoring", "the same, prefixes shared", unit: "tok/s", ours: sharing.ours.figure,
        peer: found.peer.map { ($0.name, $0.figure) }, goal: "",
        details: ["tokens": tokens, "rows_all_shared": Double(sharedRows.count)]))
  }
}
