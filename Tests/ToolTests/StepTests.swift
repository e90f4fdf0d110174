import Records
import Tensors
import TemporaryFolders
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// nlft-step: the loss is data, runs stop and go on, and the adapter is replaced as a whole.
@Suite struct StepTests {
  private static let state = ["adapter_model.safetensors", "optimizer.safetensors.zst", "training_state.json"]

  private func step(_ arguments: String, in folder: TemporaryFolder, status: Int = 0) async throws -> ToolResult {
    let result = try await runShell("nlft-step --model \"$MODEL\" \(arguments)", in: folder.path)
    #expect(result.status == status, "\(result.stderr)")
    return result
  }

  private func metrics(_ result: ToolResult) throws -> [String] {
    try result.records.map { record in
      var record = record
      record.remove("seconds")
      return String(decoding: record.encoded, as: UTF8.self)
    }
  }

  @Test(arguments: ["cosine", "linear"])
  func stoppingAndGoingOnChangesNothing(schedule: String) async throws {
    let folder = try await Problems.weighted()
    let options = "--batch 2 --epochs 3 --seed 9 --learning-rate 1e-2 --schedule \(schedule) weighted.jsonl"
    let whole = try await step("--dropout 0.3 --output whole \(options)", in: folder)
    let first = try await step("--dropout 0.3 --steps 4 --output part \(options)", in: folder)
    #expect(folder.content("part/adapter_model.safetensors") != folder.content("whole/adapter_model.safetensors"))
    // The dropout is the adapter's; one adapter is replaced, the next is written beside it.
    let second = try await step("--steps 2 --adapter part --output part \(options)", in: folder)
    #expect(second.stderr.hasPrefix("nlft-step: going on at step 5 of 9\n"))
    let third = try await step("--adapter part --output rest \(options)", in: folder)
    for name in Self.state { #expect(folder.content("rest/" + name) == folder.content("whole/" + name), "\(name)") }
    #expect(try metrics(first) + metrics(second) + metrics(third) == metrics(whole))
    #expect(try metrics(whole).count == 9)
    let undisturbed = try await step("--dropout 0 --output plain \(options)", in: folder)
    #expect(try metrics(undisturbed) != metrics(whole), "there was no dropout")
    // The run is over: the same records again are a new one.
    let again = try await step("--adapter rest --output again \(options)", in: folder)
    #expect(try again.records.first?["step"]?.integer == 10)
  }

  @Test func microBatchesChangeRoundingOnly() async throws {
    let folder = try await Problems.weighted()
    let options = "--batch 6 --epochs 4 --seed 3 --learning-rate 1e-2 --dropout 0.2 weighted.jsonl"
    _ = try await step("--output whole \(options)", in: folder)
    _ = try await step("--output parts --micro-batch 2 \(options)", in: folder)
    let (whole, parts) = (try folder.adapterWeights("whole"), try folder.adapterWeights("parts"))
    // A step of Adam is as long for a gradient that is little but rounding, which some kernels do by a row's place.
    let difference = try relativeDifference(parts, whole)
    #expect(difference < 2e-3)
  }

  @Test func shapeOfAGivenAdapterIsNotContradicted() async throws {
    let folder = try await Problems.weighted()
    _ = try await step("--rank 2 --alpha 4 --targets up_proj,q_proj --output adapter weighted.jsonl", in: folder)
    _ = try await step(
      "--rank 2 --alpha 4 --targets q_proj,up_proj --adapter adapter --output next weighted.jsonl", in: folder)
    for (option, found) in [("--rank 3", "2"), ("--alpha 2.0", "4.0"), ("--targets k_proj", "q_proj,up_proj")] {
      let result = try await step("\(option) --adapter adapter --output other weighted.jsonl", in: folder, status: 64)
      #expect(result.stderr == "nlft-step: \(option): the adapter in adapter has \(found)\n")
    }
    #expect(!folder.names.contains("other"))
  }

  @Test func killedToolLeavesTheOldAdapter() async throws {
    let folder = try await Problems.weighted()
    _ = try await step("--output adapter weighted.jsonl", in: folder)
    let result = try await runShell(
      """
      cp -R adapter old
      mkfifo steps
      nlft-step --quiet --model "$MODEL" --epochs 1000000 --output adapter weighted.jsonl > steps &
      exec 3< steps
      for step in 1 2 3; do read -r line <&3; done
      kill -KILL $!
      wait $! 2> /dev/null
      echo $?
      diff -r old adapter && echo same
      """, in: folder.path)
    #expect(result.text == "137\nsame\n")
  }

  @Test func killedWhileSavingLeavesAWholeAdapter() async throws {
    let folder = try await Problems.weighted()
    let result = try await runShell(
      """
      mkfifo steps
      nlft-step --quiet --model "$MODEL" --epochs 1000000 --save-every 1 --output adapter weighted.jsonl > steps &
      exec 3< steps
      for step in 1 2 3 4 5 6 7; do read -r line <&3; done
      kill -KILL $!
      wait $! 2> /dev/null
      echo $?
      """, in: folder.path)
    #expect(result.text == "137\n")
    let next = try await step("--epochs 1000000 --steps 1 --adapter adapter --output next weighted.jsonl", in: folder)
    #expect(try #require(next.records.first?["step"]?.integer) >= 6)
  }

  /// What a step says its loss is, against the log-probabilities of nlft-judge: a fresh adapter changes nothing.
  @Test(arguments: ["distill", "cut", "dft", "nlft --share 1 --answer-term 0 --correct-answer-term 0"])
  func lossIsTheSumOfTheWeights(method: String) async throws {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      """
      head -n 3 | nlft-judge --model "$MODEL" --archive s.zst |
      nlft-saliency --method \(method) --ratio-base 1 --ratio-standard 0 --floor 0 --archive l.zst > weighted.jsonl
      """, input: Problems.graded, in: folder.path)
    #expect(result.status == 0, "\(result.stderr)")
    var expected = 0.0
    var suppressed = 0
    let records = try folder.records("weighted.jsonl")
    #expect(records.count == 3)
    for record in records {
      let base = try #require(try ScoresFrame(parsing: folder.frame(record, "scores"), source: "scores").base)
      let prompt = try #require(try record.tokens("base")).count
      for sequence in try LossFrame(parsing: folder.frame(record, "loss"), source: "loss").sequences {
        for (place, position) in sequence.positions.enumerated() {
          let logProbability = Double(base[Int(position) + 1 - prompt])
          expected -= Double(sequence.likelihood[place]) * logProbability
          expected -= Double(sequence.unlikelihood[place]) * log(1 - exp(logProbability))
          if sequence.unlikelihood[place] > 0 { suppressed += 1 }
        }
      }
    }
    if method.hasPrefix("nlft") { #expect(suppressed > 0) }
    let metrics = try await step("--dropout 0 --batch 3 --output adapter weighted.jsonl", in: folder).records
    let loss = try #require(metrics.first?["loss"]?.double)
    #expect(abs(loss - expected / 3) < 1e-4 * abs(loss), "\(loss) against \(expected / 3)")
  }

  @Test func lossOfAUsersOwnScript() async throws {
    let folder = try TemporaryFolder()
    let archive = try ArchiveWriter(path: folder.path + "/own.safetensors.zst")
    let sequence = LossSequence(
      tokens: [1, 85, 91, 40, 41], positions: [2, 3], targets: [40, 7], likelihood: [0.5, 0], unlikelihood: [0, 0.25])
    let reference = try archive.append(LossFrame(origin: FrameOrigin(), sequences: [sequence], classes: nil).file)
    try archive.close()
    let loss = FrameReference(archive: "own.safetensors.zst", offset: reference.offset, bytes: reference.bytes).json
    try folder.write("{\"id\":1,\"loss\":\(loss.text)}\n", to: "own.jsonl")
    let result = try await step("--output adapter own.jsonl", in: folder)
    #expect(try result.records.first?["ids"] == .array([.string("1")]))
    #expect(try #require(result.records.first?["loss"]?.double) > 0)
  }

  @Test func runWithoutLearningRateIsTold() async throws {
    let folder = try await Problems.weighted()
    let settings = "nlft-step: losses: --method sft --factor 1.0\n"
    let warning = settings + "nlft-step: warning: the learning rate was 0 throughout, so nothing was learned"
    let first = try await step("--steps 1 --output first weighted.jsonl", in: folder)
    #expect(first.stderr.hasPrefix(warning))
    let state = try JSON(parsing: try #require(folder.content("first/training_state.json")))
    #expect(state["losses"] == .array([.string("--method sft --factor 1.0")]))
    let both = try await step("--output both weighted.jsonl", in: folder)
    #expect(both.stderr == settings + "nlft-step: done 6, failed 0\n")
    let once = try await step("--batch 6 --warmup 0 --output once weighted.jsonl", in: folder)
    #expect(once.stderr == settings + "nlft-step: done 6, failed 0\n")
  }

  @Test func framesThatDoNotBelong() async throws {
    let folder = try await Problems.judged()
    let weighted = try await runShell(
      "nlft-saliency --quiet --method dft --archive l.zst judged.jsonl > weighted.jsonl", in: folder.path)
    #expect(weighted.status == 0)
    func message(_ command: String) async throws -> String {
      let result = try await runShell(command, in: folder.path)
      #expect(result.status == 65)
      #expect(result.stdout == [])
      #expect(TemporaryFolder.content(of: folder.path + "/adapter/adapter_config.json") == nil)
      return result.stderr
    }
    let tool = #"nlft-step --model "$MODEL" --output adapter"#
    let other = try await message(#"nlft-step --model "$OTHER_MODEL" --output adapter weighted.jsonl"#)
    #expect(other.contains(#"line 1: id "right": l.zst at offset 0: made with another model: fingerprint "#))
    #expect(other.hasSuffix("done 0, failed 4\n"))
    #expect(
      try await message("head -n 1 weighted.jsonl | sed 's/\"right\"/\"left\"/' | \(tool)").contains(
        #"line 1: id "left": l.zst at offset 0: the frame is of id "right""#))
    // A scores frame in place of a loss frame.
    #expect(
      try await message("head -n 1 judged.jsonl | sed 's/\"scores\":/\"loss\":/' | \(tool)").contains(
        #"scores.safetensors.zst at offset 0: has no "sequence.0.tokens": not a loss frame"#))
    let size = TinyModelFolder.vocabularySize
    #expect(
      try await message(
        "head -n 1 weighted.jsonl | sed 's/\"base\":\\[1,/\"base\":[\(size),/' "
          + "| nlft-saliency --quiet --method distill --archive far.zst | \(tool)"
      ).contains("line 1: id \"right\": token \(size) at position 0 is outside the model's vocabulary of \(size)"))
    #expect(
      try await message("head -n 1 weighted.jsonl | sed 's/l.zst/gone.zst/' | \(tool)").contains(
        #"line 1: id "right": gone.zst: cannot be opened: No such file or directory"#))
  }

  @Test func adaptersThatDoNotBelong() async throws {
    let folder = try await Problems.weighted()
    _ = try await step("--output adapter weighted.jsonl", in: folder)
    let other = try await runShell(
      #"nlft-step --model "$OTHER_MODEL" --adapter adapter --output next weighted.jsonl"#, in: folder.path)
    #expect(other.status == 65)
    #expect(other.stderr.hasPrefix("nlft-step: adapter: was trained on another model than "))
    let missing = try await step("--adapter gone --output next weighted.jsonl", in: folder, status: 66)
    #expect(missing.stderr == "nlft-step: gone: there is no adapter_config.json\n")
    // Weights of one adapter beside the state of another.
    let mixed = try await runShell(
      """
      nlft-step --quiet --model "$MODEL" --seed 5 --output seed weighted.jsonl > steps.jsonl
      cp seed/adapter_model.safetensors adapter
      nlft-step --model "$MODEL" --adapter adapter --output next weighted.jsonl
      """, in: folder.path)
    #expect(mixed.status == 65)
    #expect(mixed.stderr.hasPrefix("nlft-step: adapter/training_state.json: belongs to another adapter (fingerprint "))
    #expect(try !TemporaryFolder.names(in: folder.path).contains("next"))
  }

  @Test func outputThatMustNotBeReplaced() async throws {
    let folder = try await Problems.weighted()
    _ = try await runShell("mkdir work; echo mine > work/notes.txt", in: folder.path)
    let directory = try await step("--output work weighted.jsonl", in: folder, status: 64)
    #expect(
      directory.stderr
        == "nlft-step: --output work: holds notes.txt, which is no part of an adapter; the directory is not replaced\n")
    #expect(folder.content("work/notes.txt") == Array("mine\n".utf8))
    let file = try await step("--output weighted.jsonl weighted.jsonl", in: folder, status: 64)
    #expect(file.stderr.contains("--output weighted.jsonl: there is something that is no directory"))
    // Known before the training, not after it.
    let nowhere = try await step("--output gone/adapter weighted.jsonl", in: folder, status: 74)
    #expect(nowhere.stderr == "nlft-step: gone/adapter: cannot create: No such file or directory\n")
    #expect(nowhere.stdout == [])
  }

  @Test(arguments: [
    ("--batch 0", "--batch must be above 0, not 0."), ("--micro-batch 0", "--micro-batch must be above 0, not 0."),
    ("--epochs 1.5", "The value '1.5' is invalid for '--epochs <n>'"),
    ("--learning-rate -1", "Missing value for '--learning-rate"),
    ("--learning-rate=-1", "--learning-rate must not be below 0, not -1.0."),
    ("--warmup 2", "--warmup must be between 0 and 1, not 2.0."), ("--rank 0", "--rank must be 1 to 4096, not 0."),
    ("--dropout 1", "--dropout must be 0 up to but not including 1, not 1.0."),
    ("--targets up_proj,head", "--targets: \"head\" is none of "),
    ("--targets up_proj,up_proj", "--targets must name each projection once, and at least one."),
    ("--batch 9223372036854775807", "--batch must be at most 1000000000, not 9223372036854775807."),
    ("--clip inf", "--clip must be a finite number, not inf."), ("--seed -1", "Missing value for '--seed <n>'"),
    ("--schedule step", "The value 'step' is invalid for '--schedule <shape>'."),
  ])
  func unusableOptions(_ option: String, _ message: String) async throws {
    let result = try await runShell("nlft-step --model \"$MODEL\" --output adapter \(option)")
    #expect(result.status == 64)
    #expect(result.stderr.contains(message), "\(result.stderr)")
  }
}
