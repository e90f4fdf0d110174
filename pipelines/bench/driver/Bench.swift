import Foundation

/// What all jobs share: how tools are called, data that several of them need, and the results.
final class Bench {
  let settings: Settings
  let runner: Runner
  let shape: ModelShape
  let stories: Stories
  var results: Results
  private var loads: [String: Cost] = [:]

  init(_ settings: Settings, results: Results) throws {
    self.settings = settings
    self.results = results
    runner = Runner(work: settings.work)
    shape = try ModelShape(model: settings.model)
    stories = try Stories("pipelines/demo/train.jsonl")
    // What an earlier run made with the model stays as long as it is the same model.
    let made = try "\(settings.model) \(Self.stamp(settings.model))"
    let note = folder("data") + "/made-from"
    if (try? String(contentsOfFile: note, encoding: .utf8)) != made {
      try? FileManager.default.removeItem(atPath: folder("data"))
      try made.write(toFile: folder("data") + "/made-from", atomically: true, encoding: .utf8)
    }
  }

  private static func stamp(_ path: String) throws -> String {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    let date = attributes[.modificationDate] as? Date
    return "\(attributes[.size] ?? 0) \(date?.timeIntervalSince1970 ?? 0)"
  }

  /// A folder in work/, which is made.
  func folder(_ name: String) -> String {
    let path = "\(settings.work)/\(name)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  func add(_ row: Row) {
    results.rows.append(row)
    note("  \(row.line)")
  }

  func contest(_ job: String) -> Contest {
    Contest(rounds: settings.rounds, lowerWins: false) { self.fail("\(job), \($0)", $1) }
  }

  /// Remembers that something could not be measured.
  func fail(_ what: String, _ error: any Error) {
    note("  \(what) failed: \(error)")
    results.failures[what] = "\(error)"
  }

  // MARK: Tools

  /// A command that runs one of the tools.
  func tool(
    _ name: String, _ arguments: [String], input: String?, output: String? = nil, model: String? = nil,
    threads: String? = nil, called label: String? = nil
  ) -> Command {
    var all = ["\(settings.tools)/nlft-\(name)"]
    if !["grade", "saliency"].contains(name) { all += ["--model", model ?? settings.model] }
    let count = threads ?? settings.threads
    if !count.isEmpty { all += ["--threads", count] }
    return Command(
      name: label ?? "nlft-\(name)", arguments: all + ["--quiet"] + arguments, input: input, output: output)
  }

  /// What a tool costs on an empty stream: its start and the model's loading. An empty stream ends with status 65.
  func load(_ name: String, _ arguments: [String] = [], model: String? = nil, threads: String? = nil) throws -> Cost {
    let key = "\(name) \(model ?? "") \(threads ?? "")"
    if let known = loads[key] { return known }
    var command = tool(
      name, arguments, input: nil, model: model, threads: threads, called: "nlft-\(name) on an empty stream")
    command.accepted = 65
    let costs = try runner.run(command, runs: model == nil ? 5 : 1)
    let cost = Cost(
      wall: median(costs.map(\.wall)), user: median(costs.map(\.user)), system: median(costs.map(\.system)),
      peak: costs.map(\.peak).max() ?? 0)
    loads[key] = cost
    return cost
  }

  /// Runs a tool once; its wall time without the load.
  func time(_ command: Command, load: Cost) throws -> Figure {
    let cost = try runner.run(command)[0]
    return Figure(value: max(1e-9, cost.wall - load.wall), peak: cost.peak)
  }

  // MARK: Peers

  /// Runs a script of peers/ and reads the JSON object that it prints.
  func peer(
    _ script: String, _ arguments: [String], called label: String
  ) throws -> (values: [String: Double], peak: Double) {
    guard let python = settings.python else { throw Failure("peers were not asked for") }
    let output = folder("peers") + "/output.json"
    let command = Command(
      name: label, arguments: [python, "pipelines/bench/peers/\(script)"] + arguments, output: output)
    let cost = try runner.run(command)[0]
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: output)))
    guard let values = object as? [String: Double] else { throw Failure("\(script) printed no object of numbers") }
    return (values, cost.peak)
  }

  /// The model as a Hugging Face directory in single precision, for PyTorch and the tokenizers library.
  func exportedModel() throws -> String {
    let path = "\(settings.work)/data/exported-model"
    if FileManager.default.fileExists(atPath: path + "/config.json") { return path }
    _ = folder("data")
    try? FileManager.default.removeItem(atPath: path)
    _ = try runner.run(tool("export", ["--merge", path, "--type", "f32"], input: nil))
    return path
  }
}
