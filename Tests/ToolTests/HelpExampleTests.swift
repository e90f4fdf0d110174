import ScriptedServers
import TemporaryFolders
import Testing

/// The examples in every tool's help run as they stand.
@Suite struct HelpExampleTests {
  /// The files that the examples name.
  private static let preparation = #"""
    ln -s "$MODEL" model.gguf
    ln -s "$OTHER_MODEL" larger.gguf
    cp train.jsonl test.jsonl
    sed 's/"question"/"text"/' train.jsonl > plain.jsonl
    nlft-sample --model model.gguf --max-tokens 4 train.jsonl > sampled.jsonl &&
    cp sampled.jsonl base-outputs.jsonl && cp sampled.jsonl tuned-outputs.jsonl &&
    nlft-grade sampled.jsonl > graded.jsonl &&
    nlft-judge --model model.gguf --archive s.safetensors.zst graded.jsonl > judged.jsonl &&
    cp s.safetensors.zst scores.safetensors.zst &&
    nlft-saliency --archive l.safetensors.zst judged.jsonl > weighted.jsonl && cp weighted.jsonl weighted-2.jsonl &&
    nlft-step --model model.gguf --output adapter weighted.jsonl
    """#

  @Test(arguments: [
    "nlft-tokenize", "nlft-sample", "nlft-grade", "nlft-judge", "nlft-saliency", "nlft-step", "nlft-show",
    "nlft-export",
  ])
  func examplesRun(tool: String) async throws {
    let folder = try TemporaryFolder()
    try folder.write(Problems.questions, to: "train.jsonl")
    let prepared = try await runShell(Self.preparation, in: folder.path)
    try #require(prepared.status == 0, "\(prepared.stderr)")
    let help = try await runTool(tool, ["--help"])
    #expect(help.status == 0)
    let examples = help.text.split(separator: "\n").drop { $0 != "Examples:" }.prefix { !$0.hasPrefix("USAGE: ") }
      .dropFirst()
    var commands: [String] = []
    for line in examples {
      if line.hasPrefix("  \(tool) ") {
        commands.append(String(line))
      } else if let last = commands.popLast() {
        #expect(last.hasSuffix("\\"), "the line before is broken without a backslash: \(line)")
        commands.append(last + "\n" + line)
      }
    }
    #expect(commands.count >= 2)
    let server = try ScriptedServer { _ in .words("Wrong.") }
    for command in commands {
      let own = "no_proxy='*'; export no_proxy; " + command.replacing("http://localhost:8000", with: server.address)
      let result = try await runShell(own, in: folder.path)
      #expect(result.status == 0, "\(command): \(result.stderr)")
      // All tools but nlft-export read records, and count them.
      if tool == "nlft-export" {
        #expect(!result.stderr.isEmpty, "\(command): does not say what it wrote")
      } else {
        let done = command.contains(" --only ") ? 1 : 6
        #expect(result.stderr.hasSuffix("done \(done), failed 0\n"), "\(command): \(result.stderr)")
      }
    }
  }
}
