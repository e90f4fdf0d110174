import Records
import TemporaryFolders
import Testing

/// nlft-step --dry-run: what training would begin with, without training.
@Suite struct DryRunTests {
  private func step(_ arguments: String, in folder: TemporaryFolder) async throws -> ToolResult {
    let result = try await runShell("nlft-step --model \"$MODEL\" \(arguments)", in: folder.path)
    #expect(result.status == 0, "\(result.stderr)")
    return result
  }

  private func metrics(_ result: ToolResult) throws -> [Record] {
    try result.records.map { record in
      var record = record
      record.remove("seconds")
      return record
    }
  }

  @Test(arguments: ["weighted.jsonl", "--rescore sft tokens.jsonl"])
  func everyBatchIsSeenWithTheWeightsAsTheyAre(input: String) async throws {
    let folder = try await Problems.weighted()
    let names = folder.names
    let options = "--batch 2 --seed 4 --learning-rate 1e-2 --epochs 2 \(input)"
    let dry = try await step("--dry-run \(options)", in: folder)
    #expect(folder.names == names, "nothing is written")
    #expect(dry.stderr.contains("nlft-step: dry run: nothing was written\n"))
    let plan = try metrics(dry)
    let trained = try metrics(try await step("--output adapter \(options)", in: folder))
    #expect(plan.count == 3 && trained.count == 6, "one pass of two")
    // Nothing has been learned yet when the first step is taken.
    #expect(plan[0].encoded == trained[0].encoded)
    for (planned, taken) in zip(plan, trained) {
      for key in ["step", "epoch", "ids", "learning_rate"] {
        #expect(planned.hasSameValue(of: key, as: taken), "\(key)")
      }
      #expect(planned.keys == taken.keys)
    }
    #expect(plan[2]["loss"] != trained[2]["loss"])
    // Each batch's loss is that of a first step on its records alone.
    let ids = try #require(plan[2]["ids"]?.array).compactMap(\.string)
    let only = ids.map { "--only \($0)" }.joined(separator: " ")
    let alone = try metrics(
      try await step("--output other --seed 4 --dropout 0 --batch 2 \(only) \(input)", in: folder))
    let (planned, found) = (try #require(plan[2]["loss"]?.double), try #require(alone[0]["loss"]?.double))
    #expect(abs(planned - found) <= 1e-5 * abs(found))
  }

  @Test func anAdapterThatIsThereStaysAsItIs() async throws {
    let folder = try await Problems.weighted()
    _ = try await step("--output adapter --batch 2 --epochs 2 --steps 2 weighted.jsonl", in: folder)
    let names = ["adapter_model.safetensors", "optimizer.safetensors.zst", "training_state.json"]
    let before = names.map { folder.content("adapter/" + $0) }
    // A run that was cut short: the rest of the pass that it is in.
    let dry = try await step(
      "--dry-run --adapter adapter --output adapter --batch 2 --epochs 2 weighted.jsonl", in: folder)
    #expect(names.map { folder.content("adapter/" + $0) } == before)
    #expect(try metrics(dry).map { $0["step"]?.integer } == [3])
    let limited = try await step("--dry-run --steps 1 --batch 2 weighted.jsonl", in: folder)
    #expect(try metrics(limited).count == 1)
  }
}
