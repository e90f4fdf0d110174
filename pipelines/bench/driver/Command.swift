import Foundation

/// What a run of a command cost.
struct Cost: Codable {
  /// Seconds.
  var wall: Double
  /// Processor seconds in and out of the kernel.
  var user: Double
  var system: Double
  /// Most memory at any time, in bytes.
  var peak: Double
}

/// A command with files for its input and output.
struct Command {
  /// What to call it in messages and logs.
  var name: String
  /// The program and its arguments.
  var arguments: [String]
  /// nil: nothing to read.
  var input: String?
  /// nil: thrown away.
  var output: String?
  /// A status beside 0 that is no failure.
  var accepted: Int?
}

/// Runs commands, one at a time, through `measure`.
struct Runner {
  let work: String

  /// Runs a command some times over.
  /// - Returns: the cost of each run.
  func run(_ command: Command, runs: Int = 1) throws -> [Cost] {
    let log = "\(work)/logs/\(command.name.replacingOccurrences(of: " ", with: "-")).log"
    let costs = "\(work)/logs/cost.json"
    try FileManager.default.createDirectory(atPath: "\(work)/logs", withIntermediateDirectories: true)
    note("\(command.name)\(runs > 1 ? ", \(runs) times" : "")")
    var arguments = ["\(work)/measure", costs, "--runs", "\(runs)"]
    if let accepted = command.accepted { arguments += ["--accept", "\(accepted)"] }
    arguments += command.arguments
    let status = try spawn(arguments, input: command.input, output: command.output, log: log)
    guard status == 0 else {
      let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
      let last = text.split(separator: "\n").suffix(4).joined(separator: "\n  ")
      throw Failure("\(command.name) failed with status \(status); the end of \(log):\n  \(last)")
    }
    return try JSONDecoder().decode([Cost].self, from: Data(contentsOf: URL(fileURLWithPath: costs)))
  }

  private func spawn(_ command: [String], input: String?, output: String?, log: String) throws -> Int32 {
    if Interruption.isAsked { throw Failure("interrupted") }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, command[0], &actions, nil, &arguments, environ)
    guard code == 0 else {
      throw Failure("\(command[0]), reading \(input ?? "nothing"): \(String(cString: strerror(code)))")
    }
    Interruption.child = child
    defer { Interruption.child = 0 }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure("waitpid: \(String(cString: strerror(errno)))") }
    }
    if Interruption.isAsked { throw Failure("interrupted") }
    return status & 0x7F != 0 ? 128 + status & 0x7F : (status >> 8) & 0xFF
  }
}

/// Signals end the command that runs and then the bench, which cleans up first.
enum Interruption {
  nonisolated(unsafe) static var child: pid_t = 0
  nonisolated(unsafe) static var isAsked = false

  static func watch() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // What is ignored stays ignored: nohup, jobs in the background.
      if unsafeBitCast(signal(number, SIG_IGN), to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
      signal(number) { number in
        Interruption.isAsked = true
        if Interruption.child > 0 { kill(Interruption.child, number) }
      }
    }
  }
}
