// Runs a command some times over and says what each run cost. Its input and output are this program's own: where they
// are files, every run reads from the start and writes anew.
//
//     measure FILE.json [--runs N] [--accept STATUS] COMMAND [ARGUMENT…] < input > output
//
// FILE.json gets an array of {"wall": seconds, "user": seconds, "system": seconds, "peak": bytes}. It is a program of
// its own because a process's peak memory starts with that of whoever started it: this one is small.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Failure: Error {
  let reason: String
  var status: Int32 = 70
}

struct Cost {
  let wall: Double
  let user: Double
  let system: Double
  let peak: Int

  var json: String { "{\"wall\": \(wall), \"user\": \(user), \"system\": \(system), \"peak\": \(peak)}" }
}

func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }

func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func systemReason(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

// The command that runs, so that whoever ends this program ends the command too.
var child: pid_t = 0

func rewind() {
  // Neither is an error: pipes and terminals have no start.
  _ = lseek(0, 0, SEEK_SET)
  if lseek(1, 0, SEEK_SET) == 0 { _ = ftruncate(1, 0) }
}

func run(_ command: [String], accepted: Set<Int32>) throws -> Cost {
  var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
  defer { for argument in arguments { free(argument) } }
  rewind()
  let start = now()
  var identifier: pid_t = 0
  let code = posix_spawnp(&identifier, command[0], nil, nil, &arguments, environ)
  guard code == 0 else { throw Failure(reason: "\(command[0]): \(systemReason(code))", status: 66) }
  child = identifier
  var status: Int32 = 0
  var usage = rusage()
  while wait4(identifier, &status, 0, &usage) < 0 {
    guard errno == EINTR else { throw Failure(reason: "wait4: \(systemReason())") }
  }
  let wall = now() - start
  child = 0
  // WTERMSIG and WEXITSTATUS, which are macros that do not import.
  if status & 0x7F != 0 {
    throw Failure(reason: "\(command[0]) was ended by signal \(status & 0x7F)", status: 128 + status & 0x7F)
  }
  let exitStatus = (status >> 8) & 0xFF
  guard accepted.contains(exitStatus) else {
    throw Failure(reason: "\(command[0]) ended with status \(exitStatus)", status: exitStatus)
  }
  #if os(Linux)
    let unit = 1024
  #else
    let unit = 1
  #endif
  return Cost(
    wall: wall, user: seconds(usage.ru_utime), system: seconds(usage.ru_stime), peak: Int(usage.ru_maxrss) * unit)
}

func main(_ arguments: [String]) throws {
  var rest = arguments[...]
  guard let path = rest.popFirst(), !path.hasPrefix("-") else {
    throw Failure(reason: "usage: measure FILE.json [--runs N] [--accept STATUS] COMMAND [ARGUMENT…]", status: 64)
  }
  var runs = 1
  var accepted: Set<Int32> = [0]
  while let option = rest.first, option.hasPrefix("--") {
    rest.removeFirst()
    guard let value = rest.popFirst(), let number = Int32(value), number > 0 else {
      throw Failure(reason: "\(option) needs a positive number", status: 64)
    }
    switch option {
    case "--runs": runs = Int(number)
    case "--accept": accepted.insert(number)
    default: throw Failure(reason: "unknown option \(option)", status: 64)
    }
  }
  guard !rest.isEmpty else { throw Failure(reason: "no command to run", status: 64) }
  for number in [SIGINT, SIGTERM, SIGHUP] {
    // What is ignored stays ignored: nohup, jobs in the background.
    if unsafeBitCast(signal(number, SIG_IGN), to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
    signal(number) { number in
      if child > 0 { kill(child, number) }
      _exit(128 + number)
    }
  }
  let costs = try (0..<runs).map { _ in try run(Array(rest), accepted: accepted) }
  guard let file = fopen(path, "w") else { throw Failure(reason: "\(path): \(systemReason())", status: 74) }
  fputs("[" + costs.map(\.json).joined(separator: ",\n ") + "]\n", file)
  guard fclose(file) == 0 else { throw Failure(reason: "\(path): \(systemReason())", status: 74) }
}

do {
  try main(Array(CommandLine.arguments.dropFirst()))
} catch let failure as Failure {
  fputs("measure: \(failure.reason)\n", stderr)
  exit(failure.status)
}
