import Foundation

extension Bench {
  /// Formats that llama.cpp runs; the model itself is one more.
  private static let formats = ["bf16", "q8_0", "q4_0"]

  /// The peer's models, made once; nothing where peers are not asked for.
  func llamaModels() throws -> [(name: String, path: String)] {
    guard settings.python != nil else { return [] }
    guard settings.model.hasSuffix(".gguf") else {
      note("llama.cpp is left out: it needs a .gguf file, and the model is \(settings.model)")
      return []
    }
    let name = URL(fileURLWithPath: settings.model).deletingPathExtension().lastPathComponent
    try FileManager.default.createDirectory(atPath: settings.peerModels, withIntermediateDirectories: true)
    var models = [("as it is", settings.model)]
    for format in Self.formats {
      let path = "\(settings.peerModels)/\(name).\(format).gguf"
      if !FileManager.default.fileExists(atPath: path) {
        _ = try peer("llama_quantize.py", [settings.model, path, format], called: "llama.cpp, making \(format)")
      }
      models.append((format, path))
    }
    return models
  }

  /// llama.cpp on each of its models; the script prints the rate under `key`.
  func llamaContenders(_ job: String, tokens: String, _ arguments: [String] = []) throws -> [Contender] {
    try llamaModels().map { name, path in
      Contender(name: "llama.cpp \(name)") {
        var all = [job, "--model", path, "--tokens", tokens] + arguments
        if !self.settings.threads.isEmpty { all += ["--threads", self.settings.threads] }
        let (values, peak) = try self.peer("llama_rates.py", all, called: "llama.cpp \(job) \(name)")
        return Figure(value: values["tokens_per_second"] ?? 0, peak: peak)
      }
    }
  }

  private func generatedTokens(_ path: String) throws -> Int {
    try BenchRecord.read(path).reduce(0) { $0 + ($1.tokens?.output?.count ?? 0) }
  }

  func runSampling() throws {
    let questions = folder("sampling") + "/questions.jsonl"
    let asked = folder("sampling") + "/asked.jsonl"
    let answered = folder("sampling") + "/answered.jsonl"
    try BenchRecord.write(Array(BenchRecord.read("pipelines/demo/test.jsonl").prefix(200)), to: questions)
    _ = try runner.run(tool("tokenize", [], input: questions, output: asked))
    let load = try load("sample")
    let ours = [32, 64, 128, 200].map { batch in
      Contender(name: "batch \(batch)") {
        let figure = try self.time(
          self.tool(
            "sample", ["--max-tokens", "160", "--temperature", "0", "--batch", "\(batch)"], input: asked,
            output: answered, called: "nlft-sample in \(batch) streams"), load: load)
        return Figure(value: Double(try self.generatedTokens(answered)) / figure.value, peak: figure.peak)
      }
    }
    let peers = try llamaContenders("streams", tokens: asked, ["--streams", "32", "--limit", "160"])
    let found = try contest("sampling").run(ours: ours, peers: peers)
    var details = found.ours.details
    details.merge(found.peer?.details ?? [:]) { $1 }
    details["tokens"] = Double(try generatedTokens(answered))
    add(
      Row(
        "sampling", "200 problems, greedy, \(found.ours.name)", unit: "tok/s", ours: found.ours.figure,
        peer: found.peer.map { ($0.name + ", 32 streams", $0.figure) }, goal: "≥ 1.5×", details: details))
  }

  func runStream() throws {
    let question = folder("stream") + "/question.jsonl"
    let asked = folder("stream") + "/asked.jsonl"
    let answered = folder("stream") + "/answered.jsonl"
    let wanted = "Tell a long story, in many paragraphs, about the keeper of a lighthouse and a ship in a storm."
    try BenchRecord.write([BenchRecord(id: "story", question: wanted)], to: question)
    _ = try runner.run(tool("tokenize", [], input: question, output: asked))
    func generate(_ count: Int) throws -> (wall: Double, peak: Double, tokens: Int) {
      let cost = try runner.run(
        tool(
          "sample", ["--max-tokens", "\(count)", "--temperature", "0", "--batch", "1"], input: asked, output: answered,
          called: "nlft-sample, one stream of \(count)"))[0]
      return (cost.wall, cost.peak, try generatedTokens(answered))
    }
    // The first token ends the prompt's pass: what is beyond it is generation alone.
    let ours = Contender(name: "ours") {
      let first = try generate(1)
      let all = try generate(256)
      guard all.tokens > 100 else { throw Failure("the model stopped after \(all.tokens) tokens, expected 256") }
      return Figure(value: Double(all.tokens - 1) / max(1e-9, all.wall - first.wall), peak: all.peak)
    }
    let peers = try llamaContenders("streams", tokens: asked, ["--streams", "1", "--limit", "256"])
    let found = try contest("stream").run(ours: [ours], peers: peers)
    add(
      Row(
        "stream", "one stream, 256 tokens", unit: "tok/s", ours: found.ours.figure,
        peer: found.peer.map { ($0.name, $0.figure) }, goal: "≥ 1×", details: found.peer?.details ?? [:]))
  }
}
