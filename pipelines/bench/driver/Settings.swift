import Foundation

/// What is measured and with what; the Makefile says what each value means.
struct Settings {
  /// Jobs that are run, in the table's order.
  var jobs: [String]
  /// A .gguf file or a Hugging Face directory.
  var model: String
  /// Records of the job `step`; empty: generated ones.
  var step4: String
  /// Records of the job `tokenize`; empty: the demo's.
  var gsm8k: String
  /// Empty: all cores.
  var threads: String
  /// Where the tools are.
  var tools: String
  /// Where everything goes.
  var work: String
  /// The peers' Python; nil where peers are not asked for.
  var python: String?
  /// Where the peers' models are kept.
  var peerModels: String
  /// Runs of each short job.
  var rounds: Int

  static let allJobs = [
    "step", "training", "sampling", "stream", "scoring", "tokenize", "saliency", "start", "large", "growth",
  ]

  init(environment: [String: String]) throws {
    func value(_ name: String) -> String { environment["BENCH_" + name] ?? "" }
    let asked = value("JOBS").split(separator: " ").map(String.init)
    if let unknown = asked.first(where: { !Self.allJobs.contains($0) }) {
      throw Failure("JOBS: there is no job \"\(unknown)\"; there are \(Self.allJobs.joined(separator: ", "))")
    }
    jobs = Self.allJobs.filter { asked.isEmpty || asked.contains($0) }
    model = value("MODEL")
    step4 = value("STEP4")
    gsm8k = value("GSM8K")
    threads = value("THREADS")
    tools = value("BIN")
    work = value("WORK")
    python = value("PYTHON").isEmpty ? nil : value("PYTHON")
    peerModels = value("PEER_MODELS")
    guard let count = Int(value("ROUNDS")), count > 0 else {
      throw Failure("ROUNDS is \"\(value("ROUNDS"))\", expected a positive number")
    }
    rounds = count
    guard threads.isEmpty || Int(threads).map({ $0 > 0 }) == true else {
      throw Failure("THREADS is \"\(threads)\", expected a positive number or nothing")
    }
    try check()
  }

  /// Everything that has to be there, before anything runs for minutes.
  private func check() throws {
    let files = FileManager.default
    for tool in ["tokenize", "sample", "grade", "judge", "saliency", "step", "export"]
    where !files.isExecutableFile(atPath: "\(tools)/nlft-\(tool)") {
      throw Failure("\(tools)/nlft-\(tool) is missing: run make build")
    }
    guard !model.isEmpty, files.fileExists(atPath: model) else {
      throw Failure("no model at \"\(model)\": fetch it with make model, or give MODEL=")
    }
    for path in [step4, gsm8k] where !path.isEmpty && !files.isReadableFile(atPath: path) {
      throw Failure("cannot read \(path)")
    }
    if let python, !files.isExecutableFile(atPath: python) {
      throw Failure("no Python at \(python): PEERS_VENV= must name a venv with what peers/requirements.txt lists")
    }
  }
}
