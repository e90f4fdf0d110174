import TemporaryFolders
import Testing

/// Files that change while they are in use.
@Suite struct ChangingFileTests {
  /// The tool waits for its input when the model is mapped; then the model is changed, and only then it is read.
  private func run(_ tool: String, changing change: String) async throws -> (ToolResult, TemporaryFolder) {
    let folder = try TemporaryFolder()
    try folder.write(Problems.questions, to: "questions.jsonl")
    let result = try await runShell(
      """
      cp -r "$MODEL" model
      mkfifo in
      \(tool) --rejects bad in > out.jsonl &
      exec 3> in
      until ls -A | grep -q 'bad.*tmp'; do :; done
      \(change)
      cat questions.jsonl >&3
      exec 3>&-
      wait $!
      echo $?
      ls -A | grep -e tmp
      """, in: folder.path)
    return (result, folder)
  }

  @Test func aShortenedModelEndsTheToolWithALine() async throws {
    let (result, folder) = try await run(
      "nlft-sample --model model --max-tokens 3",
      changing: "head -c 2000 model/model.safetensors > cut; cat cut > model/model.safetensors")
    #expect(result.text == "74\n")
    #expect(
      result.stderr
        == "nlft-sample: model/model.safetensors: can no longer be read: it was shortened, or the disk failed, while it was in use\n"
    )
    #expect(folder.text("out.jsonl") == "")
  }

  @Test func aChangedModelIsAnError() async throws {
    let (result, _) = try await run(
      "nlft-sample --quiet --model model --max-tokens 3",
      changing: "printf x | dd of=model/model.safetensors bs=1 seek=9000 conv=notrunc status=none")
    #expect(result.text == "74\n")
    #expect(
      result.stderr
        == "nlft-sample: model/model.safetensors: was changed while it was in use; what was made from it is not to be trusted\n"
    )
  }

  @Test func aReplacedModelIsNone() async throws {
    let (result, _) = try await run(
      "nlft-sample --quiet --model model --max-tokens 3",
      changing: "head -c 2000 model/model.safetensors > cut; mv cut model/model.safetensors")
    #expect(result.text == "0\n")
    #expect(result.stderr == "")
  }

  /// More than the tool reads at once: it is still reading when the file becomes shorter.
  @Test func aShortenedInputIsAnError() async throws {
    let folder = try TemporaryFolder()
    let record = #"{"answer":"\#(String(repeating: "5 ", count: 50_000))","output":"5"}"#
    try folder.write(String(repeating: record + "\n", count: 40), to: "in.jsonl")
    let result = try await runShell(
      """
      mkfifo out
      nlft-grade --quiet --extract last-number in.jsonl > out &
      exec 3< out
      head -c 1 <&3 > /dev/null
      : > in.jsonl
      cat <&3 > /dev/null
      wait $!
      echo $?
      """, in: folder.path)
    #expect(result.text == "74\n")
    #expect(result.stderr.hasSuffix("nlft-grade: in.jsonl: was shortened while it was read\n"), "\(result.stderr)")
  }
}
