import Records
import TemporaryFolders
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

#if MPI
  private let isBuiltWithMPI = true
#else
  private let isBuiltWithMPI = false
#endif

/// Whether there is an nlft-step with MPI: `make test-mpi` names its folder in NLFT_MPI_TOOLS; all that is built here may
/// have it too.
private let hasRanks = hasLauncher && (isBuiltWithMPI || getenv("NLFT_MPI_TOOLS") != nil)

/// Whether mpirun is in the search path.
private let hasLauncher = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":")
  .contains { access($0 + "/mpirun", X_OK) == 0 }

/// nlft-step on several processes. `make test-mpi` runs what plain builds skip.
@Suite struct RankTests {
  /// As root, in containers, and with more ranks than cores.
  private static let launcher = """
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
    export OMPI_MCA_hwloc_base_binding_policy=none
    export PATH="${NLFT_MPI_TOOLS:+$NLFT_MPI_TOOLS:}$PATH"
    """
  private static let files = [
    "adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors.zst", "training_state.json",
  ]

  private func shell(_ script: String, in folder: TemporaryFolder, status: Int = 0) async throws -> ToolResult {
    let result = try await runShell("\(Self.launcher)\n\(script)", in: folder.path)
    #expect(result.status == status, "\(result.stderr)")
    return result
  }

  /// nlft-step on several ranks.
  private func step(
    _ ranks: Int, _ arguments: String, in folder: TemporaryFolder, status: Int = 0
  ) async throws -> ToolResult {
    try await shell(
      "mpirun -n \(ranks) nlft-step --threads 1 --model \"$MODEL\" \(arguments)", in: folder, status: status)
  }

  /// The lines on stderr that are nlft-step's, not mpirun's.
  private func said(_ result: ToolResult) -> [String] {
    result.stderr.split(separator: "\n").map(String.init).filter { $0.hasPrefix("nlft-step: ") }
  }

  private func lines(_ result: ToolResult) throws -> [JSON] {
    try result.records.map { record in
      var record = record
      record.remove("seconds")
      return try JSON(parsing: record.encoded)
    }
  }

  @Test(.enabled(if: !isBuiltWithMPI)) func launchersAreRefusedWithoutMPI() async throws {
    let folder = try await Problems.weighted()
    for (variables, place) in [
      ("OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1", "process 1 of 2 (OMPI_COMM_WORLD_SIZE)"),
      ("SLURM_STEP_NUM_TASKS=3 SLURM_PROCID=0", "process 0 of 3 (SLURM_STEP_NUM_TASKS)"),
    ] {
      let result = try await runShell(
        "\(variables) nlft-step --model \"$MODEL\" --output adapter weighted.jsonl", in: folder.path)
      #expect(result.status == 64 && said(result).count == 1, "\(result.stderr)")
      #expect(result.stderr.contains("was started as \(place), but is built without MPI"))
    }
    #expect(!folder.names.contains("adapter"))
    let alone = try await runShell(
      "OMPI_COMM_WORLD_SIZE=1 nlft-step --model \"$MODEL\" --output adapter weighted.jsonl", in: folder.path)
    #expect(alone.status == 0, "\(alone.stderr)")
  }

  @Test(
    .enabled(if: hasRanks, "needs nlft-step with MPI, and mpirun: make test-mpi"), arguments: [1, 2, 3])
  func ranksLearnWhatOneProcessLearns(_ ranks: Int) async throws {
    let folder = try await Problems.weighted()
    let options = "--batch 4 --epochs 4 --seed 3 --learning-rate 1e-2 --dropout 0.2"
    let alone = try await shell(
      "nlft-step --threads 1 --model \"$MODEL\" --output alone \(options) weighted.jsonl", in: folder)
    let several = try await step(ranks, "--output several \(options) weighted.jsonl", in: folder)
    let piped = try await step(ranks, "--output piped \(options) < weighted.jsonl", in: folder)
    for name in Self.files { #expect(folder.content("piped/" + name) == folder.content("several/" + name)) }
    let difference = try relativeDifference(folder.adapterWeights("several"), folder.adapterWeights("alone"))
    print("\(ranks) ranks: weights within \(difference) of one process's")
    // Each rank has fewer rows, perhaps other kernels for them, and optimiser steps magnify what these round differently.
    #expect(ranks == 1 ? difference == 0 : difference < 1e-3)
    #expect(try lines(several) == lines(piped))
    #expect(try lines(several).count == 8)
    for (one, other) in zip(try lines(alone), try lines(several)) {
      for field in ["step", "epoch", "learning_rate", "ids", "tokens"] { #expect(one[field] == other[field]) }
      for field in ["loss", "gradient_norm"] {
        let (expected, found) = (try #require(one[field]?.double), try #require(other[field]?.double))
        #expect(abs(found - expected) < 1e-3 * expected)
      }
    }
    let words = said(several).filter { !$0.hasPrefix("nlft-step: \(ranks) ranks, computing ") }
    #expect(words == said(alone) && said(several).count == words.count + (ranks > 1 ? 1 : 0))
  }

  @Test(
    .enabled(if: hasRanks, "needs nlft-step with MPI, and mpirun: make test-mpi"), arguments: ["", "--single-pass"])
  func liveWeights(_ option: String) async throws {
    let folder = try await Problems.judged()
    let options =
      "--rescore nlft \(option) --share 1 --batch 3 --epochs 3 --learning-rate 1e-2 --keep-going judged.jsonl"
    let alone = try await shell("nlft-step --threads 1 --model \"$MODEL\" --output alone \(options)", in: folder)
    let several = try await step(2, "--output several \(options)", in: folder)
    #expect(try relativeDifference(folder.adapterWeights("several"), folder.adapterWeights("alone")) < 1e-4)
    #expect(try lines(several).map { $0["ids"] } == lines(alone).map { $0["ids"] })
  }

  /// What fails is told once and kept once; the other records are learned from.
  @Test(.enabled(if: hasRanks, "needs nlft-step with MPI, and mpirun: make test-mpi"))
  func recordsThatFail() async throws {
    let folder = try await Problems.weighted()
    let result = try await shell(
      """
      (head -n 2 weighted.jsonl; echo '{"id":"none"}'; echo broken; tail -n 4 weighted.jsonl) > mixed.jsonl
      mpirun -n 2 nlft-step --model "$MODEL" --output adapter --rejects failed.jsonl mixed.jsonl
      """, in: folder, status: 65)
    #expect(folder.content("failed.jsonl") == Array("{\"id\":\"none\"}\nbroken\n".utf8))
    #expect(said(result).filter { $0.contains("mixed.jsonl: line ") }.count == 2)
    #expect(said(result).last == "nlft-step: done 6, failed 2")
    #expect(folder.content("adapter/adapter_model.safetensors") != nil)
    let kept = try await step(2, "--keep-going --output other mixed.jsonl", in: folder)
    #expect(try lines(kept) == lines(result))
    let nothing = try await shell(
      "echo '{\"id\":1}' | mpirun -n 2 nlft-step --model \"$MODEL\" --output no", in: folder, status: 65)
    #expect(said(nothing) == ["nlft-step: line 1: id 1: no field \"loss\"", "nlft-step: done 0, failed 1"])
    #expect(!folder.names.contains("no"))
  }

  /// A loss that is not a number ends all ranks with one line; what was saved before stays.
  @Test(.enabled(if: hasRanks, "needs nlft-step with MPI, and mpirun: make test-mpi"))
  func lossThatIsNoNumber() async throws {
    let folder = try TemporaryFolder()
    let archive = try ArchiveWriter(path: folder.path + "/own.safetensors.zst")
    var text = ""
    for place in 0..<4 {
      let sequence = LossSequence(
        tokens: [1, 85, 91, 40, 41], positions: [2, 3], targets: [40, Int32(place)],
        likelihood: place == 3 ? [3e38, 3e38] : [0.5, 0.25], unlikelihood: [0, 0])
      let reference = try archive.append(LossFrame(origin: FrameOrigin(), sequences: [sequence], classes: nil).file)
      let loss = FrameReference(archive: "own.safetensors.zst", offset: reference.offset, bytes: reference.bytes).json
      text += "{\"id\":\"s\(place)\",\"loss\":\(loss.text)}\n"
    }
    try archive.close()
    try folder.write(text, to: "own.jsonl")
    let options = "--batch 2 --order stream --save-every 1 --output adapter own.jsonl"
    let result = try await step(2, options, in: folder, status: 65)
    #expect(try lines(result).count == 1)
    #expect(said(result).count == 1, "\(said(result))")
    #expect(said(result).last?.hasPrefix("nlft-step: step 2: ") ?? false)
    #expect(said(result).last?.hasSuffix("; the adapter is left as it was") ?? false)
    _ = try await step(2, "--steps 1 --batch 2 --order stream --output one own.jsonl", in: folder)
    for name in Self.files { #expect(folder.content("adapter/" + name) == folder.content("one/" + name), "\(name)") }
  }

  /// A rank that does not find an archive is named by rank 0.
  @Test(.enabled(if: hasRanks, "needs nlft-step with MPI, and mpirun: make test-mpi"))
  func rankThatLacksAnArchive() async throws {
    let folder = try await Problems.weighted()
    let tool = "nlft-step --model \"$MODEL\" --output \"$PWD/adapter\" \"$PWD/weighted.jsonl\""
    let result = try await shell(
      "mkdir other; mpirun -n 1 \(tool) : -n 2 -wdir \"$PWD/other\" \(tool)", in: folder, status: 65)
    #expect(
      said(result) == [
        "nlft-step: rank 1: id \"p0\": loss.safetensors.zst: cannot be opened: No such file or directory"
      ])
    #expect(!folder.names.contains("adapter"))
  }

  /// kill -9 of one rank ends all of them; the last save is whole, and going on from it gives what was to come.
  @Test(.enabled(if: hasRanks, "needs nlft-step with MPI, and mpirun: make test-mpi"), arguments: [0, 1])
  func killedRank(_ rank: Int) async throws {
    let folder = try await Problems.weighted()
    let options = "--quiet --batch 2 --epochs 400 --save-every 3 --learning-rate 1e-2"
    let result = try await shell(
      """
      mkfifo steps
      mpirun -n 2 nlft-step --threads 1 --model "$MODEL" \(options) --output adapter weighted.jsonl > steps &
      exec 3< steps
      for step in 1 2 3 4 5 6 7 8 9 10 11; do read -r line <&3; done
      for process in $(pgrep -P $! nlft-step); do
        if tr '\\0' '\\n' < /proc/$process/environ | grep -qx OMPI_COMM_WORLD_RANK=\(rank); then kill -KILL $process; fi
      done
      cat <&3 > remaining
      wait $!
      echo $?
      pgrep nlft-step -f "$PWD" || echo gone
      """, in: folder)
    #expect(result.text == "137\ngone\n", "\(result.stderr)")
    #expect(said(result) == [])
    #expect(!folder.names.contains { $0.hasSuffix(".tmp") && rank == 1 })
    _ = try await step(2, "\(options) --steps 30 --adapter adapter --output rest weighted.jsonl", in: folder)
    let state = try JSON(parsing: try #require(folder.content("rest/training_state.json")))
    let reached = try #require(state["step"]?.integer)
    #expect(reached >= 39 && reached % 3 == 0)
    _ = try await step(2, "\(options) --steps \(reached) --output whole weighted.jsonl", in: folder)
    for name in Self.files { #expect(folder.content("rest/" + name) == folder.content("whole/" + name), "\(name)") }
  }

  @Test(
    .enabled(if: hasRanks, "needs nlft-step with MPI, and mpirun: make test-mpi"),
    arguments: ["OMPI_COMM_WORLD_SIZE=1", "A=B"])
  func aloneWithMPI(_ variable: String) async throws {
    let folder = try await Problems.weighted()
    let result = try await shell("\(variable) nlft-step --model \"$MODEL\" --output adapter weighted.jsonl", in: folder)
    #expect(said(result).last == "nlft-step: done 6, failed 0")
  }
}
