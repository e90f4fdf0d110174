import Records
import TemporaryFolders
import Tensors
import Testing

/// What must not change results: the words and the clock of the machine, and, but for rounding, the number of threads.
@Suite struct SameResultTests {
  private static let files = ["scores.safetensors.zst", "loss.safetensors.zst"]
  private static let adapterFiles = ["adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors.zst"]

  /// The whole loop; `records.jsonl` keeps what comes before the last stage.
  private func loop(_ environment: String, threads: Int = 2) async throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(Problems.questions, to: "in.jsonl")
    let result = try await runShell(
      """
      \(environment)
      nlft-tokenize --model "$MODEL" in.jsonl |
      nlft-sample --model "$MODEL" --max-tokens 24 --temperature 0.8 --samples 2 --seed 5 --threads \(threads) |
      nlft-grade --summary summary.json |
      nlft-judge --model "$MODEL" --archive scores.safetensors.zst --threads \(threads) |
      nlft-saliency --archive loss.safetensors.zst > records.jsonl &&
      nlft-step --model "$MODEL" --epochs 2 --learning-rate 1e-3 --output adapter --threads \(threads) records.jsonl
      """, in: folder.path)
    try #require(result.status == 0, "\(result.stderr)")
    return folder
  }

  /// A locale with a decimal comma, grouped digits and its own upper and lower case, where the system can make one.
  @Test func localeAndTimeZoneChangeNothing() async throws {
    let plain = try await loop("export LC_ALL=C TZ=UTC")
    let other = try await loop(
      """
      localedef -i tr_TR -f UTF-8 "$PWD/tr_TR.UTF-8" > /dev/null 2>&1
      export LOCPATH="$PWD" LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 TZ=Asia/Kathmandu
      """)
    for name in ["records.jsonl", "summary.json"] + Self.files + Self.adapterFiles.map({ "adapter/" + $0 }) {
      let content = try #require(plain.content(name), "\(name) is not there")
      #expect(other.content(name) == content, "\(name) differs")
    }
  }

  @Test func sameBytesAgain() async throws {
    let (first, second) = (try await loop(""), try await loop(""))
    for name in ["records.jsonl", "summary.json"] + Self.files + Self.adapterFiles.map({ "adapter/" + $0 }) {
      #expect(first.content(name) == second.content(name), "\(name) differs")
    }
  }

  /// The stated tolerance: log-probabilities within 1e-4, weights within 1e-5 of each other for these few steps.
  @Test func threadsChangeRoundingOnly() async throws {
    let (one, three) = (try await loop("", threads: 1), try await loop("", threads: 3))
    try compareScores(one, three)
    try compareWeights(one, three)
  }

  private func compareScores(_ left: TemporaryFolder, _ right: TemporaryFolder) throws {
    for (one, other) in zip(try left.records("records.jsonl"), try right.records("records.jsonl")) {
      #expect(one["output"] == other["output"])
      let first = try ScoresFrame(parsing: left.frame(one, "scores"), source: "left").base
      let second = try ScoresFrame(parsing: right.frame(other, "scores"), source: "right").base
      for (a, b) in zip(try #require(first), try #require(second)) { #expect(abs(a - b) < 1e-4) }
    }
  }

  private func compareWeights(_ left: TemporaryFolder, _ right: TemporaryFolder) throws {
    func weights(_ folder: TemporaryFolder) throws -> TensorFile {
      try TensorFile(parsing: try #require(folder.content("adapter/adapter_model.safetensors")), source: folder.path)
    }
    let (one, other) = (try weights(left), try weights(right))
    #expect(!one.names.isEmpty)
    for name in one.names {
      for (a, b) in zip(try one.tensor(name).floats(), try other.tensor(name).floats()) {
        #expect(abs(a - b) < 1e-5, "\(name)")
      }
    }
  }
}
