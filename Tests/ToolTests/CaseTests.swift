import TemporaryFolders
import Testing

/// Command lines with what they must print, each a folder in `cases/`:
///
/// - `cmd`: the command line, run by sh in a copy of the folder with the tools in its path and a tiny model at
///   `$MODEL`;
/// - `input`: its stdin, empty if absent;
/// - `expout`, `experr`: stdout and stderr, byte for byte, empty if absent;
/// - `status`: the exit status, 0 if absent;
/// - `expfile-NAME`: what the file NAME must hold when the command has ended.
///
/// Everything else in the folder is there for the command to read. A case whose name ends in `-linux` needs Linux.
@Suite struct CaseTests {
  private static let folder =
    String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex)) + "/cases"

  static let names: [String] = {
    let names = (try? TemporaryFolder.names(in: folder)) ?? []
    #if os(Linux)
      return names
    #else
      return names.filter { !$0.hasSuffix("-linux") }
    #endif
  }()

  @Test func casesAreFound() {
    #expect(Self.names.count >= 30)
  }

  @Test(.timeLimit(.minutes(2)), arguments: names)
  func commandLine(name: String) async throws {
    let source = Self.folder + "/" + name
    let work = try TemporaryFolder()
    var expected: [String: [UInt8]] = [:]
    for file in try TemporaryFolder.names(in: source) {
      let content = try #require(TemporaryFolder.content(of: source + "/" + file))
      if ["cmd", "input", "expout", "experr", "status"].contains(file) || file.hasPrefix("expfile-") {
        expected[file] = content
      } else {
        try work.write(content, to: file)
      }
    }
    let command = try #require(expected["cmd"], "\(name) has no cmd")
    let result = try await runShell(
      String(decoding: command, as: UTF8.self), input: expected["input"] ?? [], in: work.path)
    let status = String(decoding: expected["status"] ?? [0x30], as: UTF8.self).prefix { $0.isNumber }
    #expect(result.text == String(decoding: expected["expout"] ?? [], as: UTF8.self), "stdout")
    #expect(result.stderr == String(decoding: expected["experr"] ?? [], as: UTF8.self), "stderr")
    #expect(String(result.status) == status, "status")
    for (file, content) in expected where file.hasPrefix("expfile-") {
      let text = work.text(String(file.dropFirst("expfile-".count)))
      #expect(text == String(decoding: content, as: UTF8.self), "\(file)")
    }
    let temporary = work.names.filter { $0.hasSuffix(".tmp") }
    #expect(temporary == [], "temporary files are left")
  }
}
