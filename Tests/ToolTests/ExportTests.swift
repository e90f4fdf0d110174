import TemporaryFolders
import Testing

@Suite struct ExportTests {
  private static let preparation = #"""
    ln -s "$MODEL" model.gguf
    nlft-sample --quiet --model model.gguf --max-tokens 4 train.jsonl | nlft-grade --quiet \
      | nlft-judge --quiet --model model.gguf --archive s.safetensors.zst \
      | nlft-saliency --quiet --archive l.safetensors.zst \
      | nlft-step --quiet --model model.gguf --output adapter > steps.jsonl
    """#

  private func prepared() async throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(Problems.questions, to: "train.jsonl")
    let result = try await runShell(Self.preparation, in: folder.path)
    try #require(result.status == 0, "\(result.stderr)")
    return folder
  }

  @Test func theExamplesInItsHelpRun() async throws {
    let folder = try await prepared()
    let help = try await runTool("nlft-export", ["--help"])
    let commands = help.lines.filter { $0.hasPrefix("  nlft-export ") }
    #expect(commands.count == 4)
    for command in commands {
      let result = try await runShell(command, in: folder.path)
      #expect(result.status == 0, "\(command): \(result.stderr)")
      #expect(result.stdout == [])
      #expect(result.stderr.contains(" tensors as "), "\(result.stderr)")
    }
    #expect(folder.names.filter { ["adapter.gguf", "base", "half", "merged"].contains($0) }.count == 4)
    #expect(try folder.read("adapter.gguf").starts(with: "GGUF".utf8))
  }

  @Test func bothAreWrittenAtOnceAndGGUFToAPipeToo() async throws {
    let folder = try await prepared()
    let both = try await runShell(
      "nlft-export --model model.gguf --adapter adapter --merge merged --gguf a.gguf --type f16", in: folder.path)
    #expect(both.status == 0, "\(both.stderr)")
    // Two layers of three projections.
    #expect(both.stderr.contains("a.gguf: 12 tensors as f16\n"), "\(both.stderr)")
    #expect(try TemporaryFolder.names(in: folder.file("merged")).contains("model.safetensors"))
    let piped = try await runShell(
      "nlft-export --quiet --model model.gguf --adapter adapter --gguf /dev/stdout --type f16 | cat", in: folder.path)
    #expect(piped.stdout == (try folder.read("a.gguf")))
  }

  @Test func aDirectoryIsNoGGUFFile() async throws {
    let folder = try await prepared()
    let result = try await runShell("nlft-export --model model.gguf --adapter adapter --gguf adapter", in: folder.path)
    #expect(result.status == 65, "\(result.status)")
    #expect(result.stderr == "nlft-export: adapter: there is a directory; a GGUF adapter is a file\n")
  }
}
