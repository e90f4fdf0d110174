import Records
import TemporaryFolders
import Tensors
import Testing

/// Weights that are no numbers, and numbers that grow beyond all bounds: each record fails by name with the cause, and no
/// adapter comes of it.
@Suite struct BrokenNumbersTests {
  /// A weight, what stands in it, and what is said.
  struct Flaw: Sendable, CustomTestStringConvertible {
    var tensor: String
    var value: Float
    var words: String
    var testDescription: String { "\(value) in \(tensor)" }
  }

  static let flaws = [
    Flaw(
      tensor: "model.layers.1.self_attn.k_proj.weight", value: .nan,
      words: "the weight k_proj of layer 1 holds nan in row 1"),
    Flaw(
      tensor: "model.layers.0.mlp.down_proj.weight", value: .infinity,
      words: "the weight down_proj of layer 0 holds inf in row 0"),
    Flaw(
      tensor: "model.layers.1.post_attention_layernorm.weight", value: -.infinity,
      words: "the norm before the feed-forward block of layer 1 holds -inf"),
    Flaw(tensor: "model.norm.weight", value: .nan, words: "the final norm holds nan"),
    Flaw(tensor: "model.layers.0.mlp.up_proj.weight", value: 3e38, words: "of layer 0 becomes "),
  ]

  private func model(_ flaw: Flaw) throws -> TemporaryFolder {
    try TinyModelFolder.changed { file in
      guard let tensor = file[flaw.tensor] else { return }
      var values = try tensor.floats()
      values[min(50, values.count - 1)] = flaw.value
      if flaw.value.isFinite { values = values.map { $0 > 0 ? flaw.value : -flaw.value } }
      file[flaw.tensor] = Tensor(values, shape: tensor.shape)
    }
  }

  @Test(arguments: flaws)
  func recordsFailByName(flaw: Flaw) async throws {
    let (model, folder) = (try model(flaw), try await Problems.judged())
    try folder.write(Problems.questions, to: "in.jsonl")
    for command in [
      "nlft-sample --max-tokens 4 in.jsonl", "nlft-sample --max-tokens 4 --batch 1 --temperature 1 in.jsonl",
      "nlft-judge --archive new.safetensors.zst judged.jsonl",
      "nlft-judge --critic self --archive new.zst judged.jsonl",
    ] {
      let result = try await runShell("\(command) --model \(model.path)", in: folder.path)
      #expect(result.status == 65)
      #expect(result.stdout == [])
      let lines = result.stderr.split(separator: "\n").dropLast()
      #expect(lines.count == (command.hasPrefix("nlft-sample") ? 6 : 4), "\(result.stderr)")
      for line in lines { #expect(line.contains(": id ") && line.contains(flaw.words), "\(command): \(line)") }
    }
  }

  @Test(arguments: flaws)
  func stepStops(flaw: Flaw) async throws {
    let (model, folder) = (try model(flaw), try await Problems.weighted())
    let result = try await runShell("nlft-step --model \(model.path) --output adapter weighted.jsonl", in: folder.path)
    #expect(result.status == 65)
    #expect(folder.content("adapter/adapter_config.json") == nil)
    #expect(result.stderr.contains("id \"p") && result.stderr.contains(flaw.words), "\(result.stderr)")
    #expect(result.stderr.contains("the adapter is left as it was"))
  }

  /// An adapter that was trained before stays what it was.
  @Test func adapterStaysWhenAStepStops() async throws {
    let folder = try await Problems.weighted()
    let trained = try await runShell(
      "nlft-step --model \"$MODEL\" --output adapter weighted.jsonl && cat adapter/* | cksum > before", in: folder.path)
    #expect(trained.status == 0)
    let model = try model(Self.flaws[0])
    let result = try await runShell(
      "nlft-step --model \(model.path) --output adapter weighted.jsonl; cat adapter/* | cksum", in: folder.path)
    #expect(Array(result.stdout.suffix(folder.content("before")?.count ?? 0)) == folder.content("before"))
  }
}
