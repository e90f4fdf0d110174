import Subprocess

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How a process ended and what it wrote.
struct ToolResult: Sendable, Equatable {
  /// The exit status; 128 + n for a process that signal n ended, as shells have it.
  var status: Int
  var stdout: [UInt8]
  var stderr: String

  /// stdout as text.
  var text: String { String(decoding: stdout, as: UTF8.self) }

  /// The lines of stdout.
  var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// Why a process could not be run.
struct ToolProcessError: Error, CustomStringConvertible {
  var description: String
}

/// The folder of the tools under test: the first one above the test program that holds nlft-grade.
func toolFolder() throws -> String {
  for argument in CommandLine.arguments {
    guard let real = realpath(argument, nil) else { continue }
    defer { free(real) }
    var folder = Substring(cString: real)
    while let slash = folder.lastIndex(of: "/") {
      folder = folder[..<slash]
      if access(folder + "/nlft-grade", X_OK) == 0 { return String(folder) }
    }
  }
  throw ToolProcessError(description: "no nlft-grade above \(CommandLine.arguments[0]): build the package first")
}

/// Runs one of the tools, as built beside the tests.
/// - Parameters:
///   - name: The tool: "nlft-grade".
///   - input: Its stdin.
///   - folder: Its working directory; nil is that of the tests.
func runTool(
  _ name: String, _ arguments: [String], input: [UInt8] = [], in folder: String? = nil
) async throws -> ToolResult {
  try await runProcess(try toolFolder() + "/" + name, arguments, input: input, in: folder)
}

/// Runs a command line with the tools in its path and tiny models at `$MODEL` and `$OTHER_MODEL`.
func runShell(_ command: String, input: [UInt8] = [], in folder: String? = nil) async throws -> ToolResult {
  try await runProcess("/bin/sh", ["-c", command], input: input, in: folder)
}

private func runProcess(
  _ path: String, _ arguments: [String], input: [UInt8], in folder: String?
) async throws -> ToolResult {
  let searchPath = getenv("PATH").map { ":" + String(cString: $0) } ?? ""
  // The width of help and the words of the system must not depend on who runs the tests.
  let environment = Environment.inherit.updating([
    "PATH": try toolFolder() + searchPath, "COLUMNS": "80", "LC_ALL": "C",
    "MODEL": try TinyModelFolder.shared.get(), "OTHER_MODEL": try TinyModelFolder.other.get(),
  ])
  // stdin is a file: writing into a pipe would end the tests by SIGPIPE when a tool fails before it reads.
  guard let stdin = tmpfile() else { throw ToolProcessError(description: "cannot make a file for stdin") }
  defer { fclose(stdin) }
  guard fwrite(input, 1, input.count, stdin) == input.count, fflush(stdin) == 0 else {
    throw ToolProcessError(description: "cannot write a file for stdin")
  }
  rewind(stdin)
  let result = try await run(
    .path(.init(path)), arguments: Arguments(arguments), environment: environment,
    workingDirectory: folder.map { .init($0) },
    input: .fileDescriptor(.init(rawValue: fileno(stdin)), closeAfterSpawningProcess: false),
    output: .bytes(limit: 1 << 28),
    error: .string(limit: 1 << 24))
  let status =
    switch result.terminationStatus {
    case .exited(let code): Int(code)
    case .signaled(let number): 128 + Int(number)
    }
  return ToolResult(status: status, stdout: result.standardOutput, stderr: result.standardError)
}
