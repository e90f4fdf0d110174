import Records
import TemporaryFolders
import Tensors
import Testing

/// nlft-step --rescore: weights that follow the adapter, as if the stages were run for one batch after another.
@Suite struct RescoringTests {
  /// Constants under which a tiny model's responses have tokens of every class.
  private static let lively = "--threshold 0.02 --ratio-base 1 --ratio-standard 0 --floor 0 --share 1"

  /// Four correct responses and three incorrect ones, in turn.
  private static let graded: [UInt8] = {
    let lines = [(3, 4, 12), (2, 7, 9), (5, 6, 30), (8, 2, 10), (9, 3, 27), (4, 4, 8), (6, 2, 12)].enumerated().map {
      index, numbers in
      let (bags, pens, found) = numbers
      return
        #"{"id":"g\#(index)","question":"Tom has \#(bags) bags with \#(pens) pens each. How many pens has he?","#
        + #""answer":"\#(bags) * \#(pens) = \#(bags * pens)\n#### \#(bags * pens)","output":"He has \#(found).\n"#
        + #"#### \#(found)","predicted":"\#(found)","expected":"\#(bags * pens)","correct":\#(found == bags * pens)}"#
    }
    return Array(lines.joined(separator: "\n").utf8)
  }()

  /// A folder with `judged.jsonl` and the scores under the untouched model.
  private func judged() async throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      #"nlft-tokenize --model "$MODEL" | nlft-judge --model "$MODEL" --archive scores.safetensors.zst > judged.jsonl"#,
      input: Self.graded, in: folder.path)
    try #require(result.status == 0, "\(result.stderr)")
    return folder
  }

  private func step(_ arguments: String, in folder: TemporaryFolder, status: Int = 0) async throws -> ToolResult {
    let result = try await runShell("nlft-step --model \"$MODEL\" \(arguments)", in: folder.path)
    #expect(result.status == status, "\(result.stderr)")
    return result
  }

  /// Judges, weighs and steps on one batch after another, each time with the adapter of the last step: `piped`, and the
  /// steps' lines in `piped.jsonl`.
  private func pipeline(_ weights: String, _ hidden: String, _ options: String, in folder: TemporaryFolder) async throws
  {
    let result = try await runShell(
      """
      for epoch in 1 2; do
        for lines in 1,3p 4,6p 7,9p; do
          sed -n $lines judged.jsonl |
          nlft-judge --quiet --model "$MODEL" $adapter --critic none \(hidden) --archive s.zst |
          nlft-saliency --quiet --keep-going --method \(weights) --archive l.zst |
          nlft-step --quiet --model "$MODEL" $adapter \(options) --total-steps 6 --output piped >> piped.jsonl || exit 1
          adapter="--adapter piped"
        done
      done
      """, in: folder.path)
    try #require(result.status == 0, "\(result.stderr)")
  }

  /// Scores are made anew, but tokens of another model's records would mean something else.
  @Test func recordsOfAnotherModelAreRefused() async throws {
    let folder = try await judged()
    let other = try await runShell(
      "nlft-step --model \"$OTHER_MODEL\" --rescore nlft --output adapter judged.jsonl", in: folder.path)
    #expect(other.status == 65)
    #expect(
      other.stderr.contains(
        #"line 1: id "g0": scores.safetensors.zst at offset 0: made with another model: fingerprint "#),
      "\(other.stderr)")
    #expect(folder.content("adapter/adapter_config.json") == nil)
    let gone = try await runShell(
      "rm scores.safetensors.zst; nlft-step --model \"$MODEL\" --rescore nlft --output adapter judged.jsonl",
      in: folder.path)
    #expect(gone.status == 0, "\(gone.stderr)")
  }

  /// Without dropout the scores are those of the pass that is differentiated.
  @Test(
    arguments: [
      ("nlft-reference", ""), ("nlft \(lively) --judge-term aligned --shuffle-weights 3", "--hidden f32"),
      ("nlft \(lively)", "--hidden f16"), ("cut --cut-ratio 1.05", ""), ("dft", ""),
    ], ["0.3", "0"])
  func followsTheAdapterAsThePipelineDoes(_ way: (weights: String, hidden: String), _ dropout: String) async throws {
    let folder = try await judged()
    let (weights, hidden) = way
    let isSinglePass = dropout == "0"
    let options = "--batch 3 --order stream --seed 9 --learning-rate 2e-2 --dropout \(dropout)"
    let live = try await step(
      "--rescore \(weights) \(hidden) --epochs 2 \(options) --output live judged.jsonl", in: folder)
    try await pipeline(weights, hidden, options, in: folder)
    let (one, other) = (try folder.adapterWeights("live"), try folder.adapterWeights("piped"))
    if isSinglePass {
      // Packed beside other sequences, probabilities are rounded otherwise. The optimiser makes whole steps of that where
      // a gradient is nearly nothing: at few entries, but there.
      let differences = zip(one, other).reduce(0) { $0 + abs($1.0 - $1.1) }
      #expect(differences < 1e-4 * other.reduce(0) { $0 + abs($1) })
    } else {
      // dft reads the base prompt alone, which is then packed without the others that nlft-judge scores beside it.
      #expect(try relativeDifference(one, other) < (weights == "dft" ? 1e-4 : 1e-5))
    }
    let lines = try live.records
    #expect(lines.count == 6)
    var ridden = 0
    for (line, piped) in zip(lines, try folder.records("piped.jsonl")) {
      for field in ["step", "learning_rate", "ids", "tokens"] { #expect(line[field] == piped[field]) }
      let (rows, others) = (try #require(line["rows"]?.integer), try #require(piped["rows"]?.integer))
      ridden += rows - others
      #expect(isSinglePass || rows == others)
      for field in ["loss", "gradient_norm"] {
        let (found, expected) = (try #require(line[field]?.double), try #require(piped[field]?.double))
        #expect(abs(found - expected) < (isSinglePass ? 1e-5 : 1e-4) * abs(expected), "\(field)")
      }
    }
    #expect((ridden > 0) == (isSinglePass && weights != "dft"), "rows that are only read")
    // The same weights for both epochs, made beforehand, lead elsewhere.
    let fixed = try await runShell(
      """
      nlft-saliency --quiet --method \(weights) --archive l.zst judged.jsonl |
      nlft-step --model "$MODEL" --epochs 2 \(options) --output fixed
      """, in: folder.path)
    #expect(fixed.status == 0, "\(fixed.stderr)")
    #expect(try relativeDifference(folder.adapterWeights("fixed"), other) > 1e-3)
    #expect(!folder.names.contains { $0.hasPrefix("live") && $0 != "live" }, "no archive is written")
    let state = try JSON(parsing: try #require(folder.content("live/training_state.json")))
    let before = try JSON(parsing: try #require(folder.content("fixed/training_state.json")))
    #expect(state["losses"]?.array?.count == 1 && state["losses"] == before["losses"])
    #expect(live.stderr.hasPrefix("nlft-step: losses: --method \(weights.prefix { $0 != " " }) "))
  }

  /// Without scores there is nothing live about a method.
  @Test(arguments: ["sft", "distill", "distill-correct", "distill-cleaned"])
  func methodsWithoutScoresAreTheirFrames(method: String) async throws {
    let folder = try await judged()
    let options = "--batch 2 --epochs 2 --seed 4 --learning-rate 1e-2"
    let live = try await step("--rescore \(method) \(options) --output live judged.jsonl", in: folder)
    let fixed = try await runShell(
      """
      nlft-saliency --quiet --method \(method) --archive l.zst judged.jsonl > weighted.jsonl
      nlft-step --model "$MODEL" \(options) --output fixed weighted.jsonl
      """, in: folder.path)
    #expect(fixed.status == 0)
    #expect(folder.content("live/adapter_model.safetensors") == folder.content("fixed/adapter_model.safetensors"))
    let leftOut = "nlft-step: distill-correct left out 3 incorrect records\n"
    #expect(live.stderr.contains(leftOut) == (method == "distill-correct"))
    #expect(live.stderr.hasSuffix("nlft-step: done 7, failed 0\n"))
  }

  @Test func stoppingAndGoingOnChangesNothing() async throws {
    let folder = try await judged()
    let weights = "--rescore nlft \(Self.lively)"
    let options = "--batch 3 --epochs 3 --seed 9 --learning-rate 1e-2 judged.jsonl"
    let whole = try await step("\(weights) --dropout 0.3 --output whole \(options)", in: folder)
    #expect(whole.lines.count == 9)
    _ = try await step("\(weights) --dropout 0.3 --steps 4 --output part \(options)", in: folder)
    let rest = try await step("\(weights) --adapter part --save-every 1 --output rest \(options)", in: folder)
    #expect(rest.stderr.hasPrefix("nlft-step: going on at step 5 of 9\n"))
    for name in ["adapter_model.safetensors", "optimizer.safetensors.zst", "training_state.json"] {
      #expect(folder.content("rest/" + name) == folder.content("whole/" + name), "\(name)")
    }
    // Other settings, other tokens or another verdict make another run.
    let plain = try #require(folder.content("judged.jsonl"))
    let verdict = String(decoding: plain, as: UTF8.self)
      .replacing(#""correct":true"#, with: #""correct":true,"judgment":"No.""#, maxReplacements: 1)
      .replacing(#""tokens":{"#, with: #""tokens":{"judge":[1,85],"#, maxReplacements: 1)
    try folder.write(verdict, to: "verdict.jsonl")
    let token = String(decoding: plain, as: UTF8.self).replacing(#""standard":[1,"#, with: #""standard":[1,85,"#)
    try folder.write(token, to: "token.jsonl")
    #expect(Array(verdict.utf8) != plain && Array(token.utf8) != plain)
    let others = [
      weights + " --factor 9 judged.jsonl", weights + " --hidden f32 judged.jsonl", "--rescore cut judged.jsonl",
      weights + " verdict.jsonl", weights + " token.jsonl",
    ]
    for other in others {
      let result = try await step(
        "\(other) --adapter part --output other --batch 3 --epochs 3 --seed 9 --learning-rate 1e-2 --steps 1",
        in: folder)
      #expect(!result.stderr.contains("going on"), "\(other)")
    }
  }

  /// With dropout in its scores a run is another one, which goes on as such alone.
  @Test func aSinglePassStopsAndGoesOn() async throws {
    let folder = try await judged()
    let weights = "--rescore nlft \(Self.lively)"
    let options = "--batch 3 --epochs 2 --seed 9 --learning-rate 1e-2 judged.jsonl"
    let whole = try await step("\(weights) --single-pass --dropout 0.3 --output whole \(options)", in: folder)
    #expect(whole.lines.count == 6)
    let first = try await step("\(weights) --dropout 0.3 --output first \(options)", in: folder)
    let losses = [whole, first].map { (try? $0.records.last?["loss"]?.double) ?? 0 }
    #expect(abs(losses[0] - losses[1]) > 1e-4 * losses[1] && losses[1] > 0)
    _ = try await step("\(weights) --single-pass --dropout 0.3 --steps 4 --output part \(options)", in: folder)
    let rest = try await step("\(weights) --single-pass --adapter part --output rest \(options)", in: folder)
    #expect(rest.stderr.hasPrefix("nlft-step: going on at step 5 of 6\n"))
    for name in ["adapter_model.safetensors", "optimizer.safetensors.zst", "training_state.json"] {
      #expect(folder.content("rest/" + name) == folder.content("whole/" + name), "\(name)")
    }
    let other = try await step("\(weights) --adapter part --output other \(options)", in: folder)
    #expect(!other.stderr.contains("going on"))
    // Without dropout the option says what is done anyway.
    for flag in ["", "--single-pass"] {
      _ = try await step("\(weights) \(flag) --dropout 0 --output none\(flag) \(options)", in: folder)
    }
    for name in ["adapter_model.safetensors", "training_state.json"] {
      #expect(folder.content("none/" + name) == folder.content("none--single-pass/" + name), "\(name)")
    }
  }

  /// Incorrect records, all of whose tokens are salient but not suppressed, have no weight: steps do without them.
  @Test(arguments: ["0.3", "0"]) func recordsWithoutAWeightCostTheirStepOnly(_ dropout: String) async throws {
    let folder = try await judged()
    let weights = "nlft --ratio-base 0 --ratio-standard 0 --floor 0 --share 0 --unlikelihood-scale 0 --answer-term 0"
    let options = "--batch 3 --order stream --seed 9 --learning-rate 2e-2 --dropout \(dropout)"
    let live = try await step("--rescore \(weights) --epochs 2 \(options) --output live judged.jsonl", in: folder)
    try await pipeline(weights, "", options, in: folder)
    let difference = try relativeDifference(folder.adapterWeights("live"), folder.adapterWeights("piped"))
    #expect(difference < (dropout == "0" ? 1e-4 : 1e-5))
    #expect(
      live.stderr == """
        nlft-step: warning: step 1: no token with a weight in id "g1"; the step does without
        nlft-step: losses: --method nlft --threshold 0.95 --salient absolute --lift-ratio 1.5 --powers 5.0,0.3,0.6 \
        --ratio-base 0.0 --ratio-standard 0.0 --floor 0.0 --share 0.0 --centre 1.5 --unlikelihood-scale 0.0 \
        --incorrect-power 4.0 --clustering near --cluster-limit 0.4 --judge-term off --answer-term 0.0 \
        --correct-answer-term 2.0 --factor 10.0
        nlft-step: warning: step 2: no token with a weight in id "g3", "g5"; the step does without
        nlft-step: warning: step 4: no token with a weight in id "g1"; the step does without
        nlft-step: warning: step 5: no token with a weight in id "g3", "g5"; the step does without
        nlft-step: done 7, failed 0

        """)
    // Steps of one record each: numbers and schedule stay as planned, whether there is a gradient or not.
    let single = try await step(
      "--rescore \(weights) --batch 1 --order stream --dropout \(dropout) --output single judged.jsonl", in: folder)
    #expect(
      single.stderr.contains(
        "warning: step 2: no token with a weight in id \"g1\"; the step is taken with a gradient of zero\n"))
    let lines = try single.records
    #expect(lines.compactMap { $0["step"]?.integer } == [1, 2, 3, 4, 5, 6, 7])
    #expect(lines[1]["ids"] == .array([]) && lines[1]["gradient_norm"]?.double == 0)
    let distill = try await step("--rescore distill --batch 1 --order stream --output other judged.jsonl", in: folder)
    for (line, other) in zip(lines, try distill.records) { #expect(line["learning_rate"] == other["learning_rate"]) }
  }

  @Test func recordsThatLackWhatTheMethodNeeds() async throws {
    let folder = try await judged()
    let size = TinyModelFolder.vocabularySize
    let long = Array(repeating: "5", count: TinyModelFolder.contextLength).joined(separator: ",")
    let bad: [(line: String, reason: String)] = [
      (#"{"id":1,"tokens":{"base":[1],"output":[5]}}"#, #"has no "tokens.standard""#),
      (
        #"{"id":2,"correct":false,"tokens":{"base":[1],"standard":[2],"output":[5]}}"#,
        #"an incorrect record without a critique: has no "tokens.judge""#
      ),
      (#"{"id":3,"tokens":{"standard":[1],"output":[5]}}"#, #"has no "tokens.base""#),
      (#"{"id":4,"tokens":{"base":[1],"standard":[2],"output":[]}}"#, #""tokens.output" is empty"#),
      (
        #"{"id":5,"tokens":{"base":[1],"standard":[2,\#(size)],"output":[5]}}"#,
        "token \(size) at position 1 is outside the model's vocabulary of \(size)"
      ),
      (
        #"{"id":6,"tokens":{"base":[1],"standard":[2],"output":[\#(long)]}}"#,
        "prompt and response have 1025 tokens, expected at most the model's context of 1024"
      ),
      (#"{"id":7,"judgment":7,"tokens":{"base":[1]}}"#, #"field "judgment": found a number, expected a string"#),
    ]
    let lines = String(decoding: try #require(folder.content("judged.jsonl")), as: UTF8.self)
    try folder.write(bad.map { $0.line + "\n" }.joined() + lines, to: "mixed.jsonl")
    let result = try await step(
      "--rescore nlft --rejects bad.jsonl --output mixed mixed.jsonl", in: folder, status: 65)
    for (index, (line, reason)) in bad.enumerated() {
      let id = try #require(try Record(parsing: Array(line.utf8)).idText)
      #expect(
        result.stderr.contains("nlft-step: mixed.jsonl: line \(index + 1): id \(id): \(reason)\n"), "\(result.stderr)")
    }
    #expect(result.stderr.hasSuffix("nlft-step: done 7, failed 7\n"))
    #expect(folder.text("bad.jsonl") == bad.map { $0.line + "\n" }.joined())
    _ = try await step("--rescore nlft --output good judged.jsonl", in: folder)
    #expect(folder.content("mixed/adapter_model.safetensors") == folder.content("good/adapter_model.safetensors"))
    // What a method does not read may be missing, and what none scores may still be too long.
    try folder.write(#"{"id":2,"correct":false,"tokens":{"base":[1],"output":[5]}}"#, to: "bare.jsonl")
    _ = try await step("--rescore dft --output bare bare.jsonl", in: folder)
    try folder.write(bad[5].line, to: "long.jsonl")
    let tooLong = try await step("--rescore distill --output long long.jsonl", in: folder, status: 65)
    #expect(tooLong.stderr.contains("long.jsonl: line 1: id 6: \(bad[5].reason)\n"))
  }

  @Test func nothingLeftIsAnError() async throws {
    let folder = try await judged()
    let result = try await runShell(
      #"grep '"correct":false' judged.jsonl | nlft-step --model "$MODEL" --rescore distill-correct --output adapter"#,
      in: folder.path)
    #expect(result.status == 65)
    #expect(
      result.stderr == """
        nlft-step: distill-correct left out 3 incorrect records
        nlft-step: done 3, failed 0
        nlft-step: no record is left to learn from

        """)
    #expect(!folder.names.contains("adapter"))
  }

  /// Scores of an adapter that has diverged end the run.
  @Test(arguments: ["", "--single-pass", "--dropout 0"])
  func scoresThatAreNotFiniteEndTheRun(_ option: String) async throws {
    let folder = try await judged()
    _ = try await step("--rescore nlft --steps 1 --output adapter judged.jsonl", in: folder)
    let path = "adapter/adapter_model.safetensors"
    var file = try TensorFile(parsing: try #require(folder.content(path)), source: path)
    let name = try #require(file.names.first { $0.contains("layers.1.mlp.down_proj.lora_B") })
    let tensor = try #require(file[name])
    file[name] = Tensor(try tensor.floats().map { _ in 3e38 as Float }, shape: tensor.shape)
    try folder.write(file.encoded(), to: path)
    _ = try await runShell("rm adapter/training_state.json", in: folder.path)
    let result = try await step(
      "--rescore nlft \(option) --order stream --adapter adapter --output next judged.jsonl", in: folder, status: 65)
    // Which token is the first hangs on what dropout leaves of the update's input.
    #expect(
      result.stderr.hasPrefix(#"nlft-step: step 1: id "g0": "logprob.base" has nan at token "#)
        && result.stderr.hasSuffix(", expected a finite number of at most 0; the adapter is left as it was\n"),
      "\(result.stderr)")
    #expect(result.stdout == [])
    #expect(!folder.names.contains("next"))
  }

  @Test(arguments: [
    ("--threshold 0.9", "--threshold goes with --rescore, which is not given."),
    ("--hidden f16", "--hidden goes with --rescore, which is not given."),
    ("--single-pass", "--single-pass goes with --rescore, which is not given."),
    ("--shuffle-weights 0", "--shuffle-weights goes with --rescore, which is not given."),
    ("--rescore nlft --threshold 1.5", "the threshold is 1.5, expected a number between 0 and 1."),
    ("--rescore best", "The value 'best' is invalid for '--rescore <method>'."),
    ("--rescore nlft --hidden none", "The value 'none' is invalid for '--hidden <type>'."),
  ])
  func unusableOptions(_ option: String, _ message: String) async throws {
    let result = try await runShell("nlft-step --model \"$MODEL\" --output adapter \(option)")
    #expect(result.status == 64)
    #expect(result.stderr.contains(message), "\(result.stderr)")
  }

  /// No option of the method is taken without --rescore: each is named in the help below its title.
  @Test func everyConstantGoesWithRescore() async throws {
    let help = try await runTool("nlft-step", ["--help"]).text.split(separator: "\n", omittingEmptySubsequences: false)
    let section = help.drop { $0 != "LIVE WEIGHTS (ALL GO WITH --RESCORE):" }.prefix { !$0.isEmpty }
    let options = section.compactMap { line -> (String, String)? in
      guard line.hasPrefix("  --") else { return nil }
      let words = line.split(separator: " ")
      return (String(words[0]), String(words[1]))
    }
    #expect(options.count == 23)
    let values = ["<rule>": "off", "<term>": "off", "<a,b,c>": "1,2,3", "<type>": "f32"]
    for (option, placeholder) in options where option != "--rescore" {
      let value = option == "--salient" ? "lift" : values[placeholder] ?? "1"
      let result = try await runShell("nlft-step --model \"$MODEL\" --output adapter \(option) \(value)")
      #expect(result.status == 64)
      #expect(result.stderr.contains("\(option) goes with --rescore, which is not given."), "\(result.stderr)")
    }
  }
}
