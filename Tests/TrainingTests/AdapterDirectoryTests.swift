import Checkpoints
import Kernels
import Records
import TemporaryFolders
import Testing
import TinyModels
import Training

/// What may be replaced and what is read back.
@Suite struct AdapterDirectoryTests {
  private let folder: TemporaryFolder
  private let path: String
  private let adapter: Adapter
  private let state: TrainingState

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("adapter")
    let trial = try Trial()
    adapter = trial.model.adapter(targets: [.down])
    var trainer = try trial.trainer(adapter)
    for _ in 0..<2 { _ = try trainer.step(try trial.records(2), learningRate: 0.01) }
    state = Self.state(trainer)
    try AdapterDirectory.write(adapter, state: state, to: path)
  }

  private static func state(_ trainer: Trainer) -> TrainingState {
    TrainingState(
      optimizer: trainer.optimizer, run: TrainingState.Run(fingerprint: "run", start: 1, steps: 9),
      schedule: LearningRateSchedule(shape: .linear, peak: 0.01, warmup: 0.1, totalSteps: 30), seed: 7, model: "model",
      adapter: trainer.adapter.fingerprint, losses: ["--method cut", "--method sft"])
  }

  private func expectRefusal(_ words: String..., sourceLocation: SourceLocation = #_sourceLocation) {
    let error = #expect(throws: (any Error).self, sourceLocation: sourceLocation) {
      try TrainingState(directory: path, adapter: adapter)
    }
    let message = error.map { "\($0)" } ?? ""
    for word in words { #expect(message.contains(word), "\(message)", sourceLocation: sourceLocation) }
    #expect(!message.contains("\n"), sourceLocation: sourceLocation)
  }

  private func rewriteState(_ change: (String) -> String) throws {
    let text = String(decoding: try folder.read("adapter/training_state.json"), as: UTF8.self)
    let changed = change(text)
    #expect(changed != text, "the case changes something")
    try folder.write(Array(changed.utf8), to: "adapter/training_state.json")
  }

  // MARK: Replacing

  @Test func anAdapterIsReplacedAsAWhole() throws {
    try folder.write(Array("notes".utf8), to: "adapter/README.md")
    try AdapterDirectory.write(adapter, state: state, to: path + "/")
    #expect(
      try TemporaryFolder.names(in: folder.file("adapter")).count == 4, "what PEFT put beside it goes with the old one")
    #expect(folder.names == ["adapter"])
    try folder.folder("empty")
    try AdapterDirectory.write(adapter, state: state, to: folder.file("empty"))
    #expect(try TemporaryFolder.names(in: folder.file("empty")).count == 4)
  }

  @Test func aDirectoryWithOtherFilesIsLeftAlone() throws {
    try folder.folder("precious")
    try folder.write([1, 2, 3], to: "precious/thesis.tex")
    try folder.write([4], to: "precious/adapter_config.json")
    let error = #expect(throws: TrainingError.self) {
      try AdapterDirectory.write(adapter, state: state, to: folder.file("precious"))
    }
    #expect(
      error?.description == folder.file("precious")
        + ": holds thesis.tex, which is no part of an adapter; the directory is not replaced")
    #expect(try TemporaryFolder.names(in: folder.file("precious")) == ["adapter_config.json", "thesis.tex"])
    #expect(try folder.read("precious/thesis.tex") == [1, 2, 3])
    #expect(folder.names == ["adapter", "precious"], "nothing temporary is left")
  }

  @Test func aFileIsLeftAlone() throws {
    try folder.write([9], to: "file")
    let error = #expect(throws: TrainingError.self) {
      try AdapterDirectory.write(adapter, state: state, to: folder.file("file"))
    }
    #expect(error?.description.contains("is no directory; it is not replaced") == true)
    #expect(try folder.read("file") == [9])
  }

  @Test func aFolderThatCannotBeMadeIsNamed() throws {
    let error = #expect(throws: (any Error).self) {
      try AdapterDirectory.write(adapter, state: state, to: folder.file("missing/adapter"))
    }
    #expect(error.map { "\($0)" }?.contains("missing/adapter") == true)
  }

  // MARK: Reading

  @Test func anAdapterWithoutAStateStartsAfresh() throws {
    try folder.folder("peft")
    try adapter.write(directory: folder.file("peft"))
    #expect(try TrainingState(directory: folder.file("peft"), adapter: adapter) == nil)
  }

  @Test func aStateFromBeforeLossesWereNamedIsRead() throws {
    #expect(try TrainingState(directory: path, adapter: adapter)?.losses == ["--method cut", "--method sft"])
    try rewriteState { text in
      let lines = text.split(separator: "\n")
      let named = lines.drop { !$0.contains("\"losses\"") }
      let rest = named.drop { !$0.contains("]") }.dropFirst()
      return (lines.prefix(lines.count - named.count) + rest).joined(separator: "\n")
    }
    #expect(try TrainingState(directory: path, adapter: adapter)?.losses == [])
  }

  @Test func aSwappedAdapterIsRefused() throws {
    let other = try Trial().model.adapter(targets: [.down], seed: 77)
    try other.write(directory: path)
    let read = try Adapter.read(directory: path, for: try Trial().transformer(nil).configuration)
    let error = #expect(throws: TrainingError.self) { try TrainingState(directory: path, adapter: read) }
    #expect(
      error?.description == "\(path)/training_state.json: belongs to another adapter (fingerprint "
        + "\(adapter.fingerprint), found \(other.fingerprint)); remove it to start the optimiser afresh")
  }

  /// Moments of the right shape, but of another adapter's training.
  @Test func swappedMomentsAreRefused() throws {
    let trial = try Trial()
    let other = trial.model.adapter(targets: [.down], seed: 78)
    var trainer = try trial.trainer(other)
    for _ in 0..<2 { _ = try trainer.step(try trial.records(2), learningRate: 0.01) }
    try AdapterDirectory.write(other, state: Self.state(trainer), to: folder.file("other"))
    try folder.write(folder.read("other/optimizer.safetensors.zst"), to: "adapter/optimizer.safetensors.zst")
    let length = try folder.read("adapter/optimizer.safetensors.zst").count
    try rewriteState { text in
      text.split(separator: "\n").map { $0.contains("optimizer_bytes") ? "\"optimizer_bytes\": \(length)" : "\($0)" }
        .joined(separator: "\n")
    }
    expectRefusal("\(path)/optimizer.safetensors.zst", "another adapter", other.fingerprint)
  }

  @Test func damagedMomentsAreRefused() throws {
    var bytes = try folder.read("adapter/optimizer.safetensors.zst")
    try folder.write(Array(bytes.dropLast(5)), to: "adapter/optimizer.safetensors.zst")
    expectRefusal("optimizer.safetensors.zst")
    bytes[bytes.count / 2] ^= 0x10
    try folder.write(bytes, to: "adapter/optimizer.safetensors.zst")
    expectRefusal("optimizer.safetensors.zst")
    try folder.write([], to: "adapter/optimizer.safetensors.zst")
    expectRefusal("optimizer.safetensors.zst")
  }

  @Test func aTornStateIsRefused() throws {
    let bytes = try folder.read("adapter/training_state.json")
    for length in [0, 1, bytes.count / 2, bytes.count - 2] {
      try folder.write(Array(bytes[..<length]), to: "adapter/training_state.json")
      expectRefusal("\(path)/training_state.json")
    }
  }

  /// A number out of range must be refused, not used in arithmetic.
  @Test(arguments: [
    ("\"step\": 2", "\"step\": -1", "\"step\""), ("\"step\": 2", "\"step\": \"2\"", "\"step\""),
    ("\"step\": 2", "\"stop\": 2", "\"step\""), ("\"step\": 2", "\"step\": 2.5", "\"step\""),
    ("\"step\": 2", "\"step\": 9223372036854775807", "\"step\""), ("\"step\": 2", "\"step\": 3", "step"),
    ("\"start\": 1", "\"start\": -9223372036854775808", "run.start"), ("\"start\": 1", "\"start\": 3", "run.start"),
    ("\"steps\": 9", "\"steps\": 9223372036854775807", "run.steps"), ("\"steps\": 9", "\"steps\": -9", "run.steps"),
    ("\"total_steps\": 30", "\"total_steps\": 9223372036854775807", "schedule.total_steps"),
    ("\"warmup_steps\": 3", "\"warmup_steps\": -1", "schedule.warmup_steps"),
    ("\"peak\": 0.01", "\"peak\": null", "schedule.peak"), ("\"peak\": 0.01", "\"peak\": -1", "schedule.peak"),
    ("\"linear\"", "\"sawtooth\"", "schedule.shape"), ("\"seed\": 7", "\"seed\": -7", "\"seed\""),
    ("\"seed\": 7", "\"seed\": 18446744073709551616", "\"seed\""), ("\"run\"", "\"ran\"", "run."),
    ("\"fingerprints\"", "\"prints\"", "fingerprints.adapter"), ("\"optimizer_bytes\": ", "\"optimizer_bytes\": -", ""),
    ("\"optimizer_bytes\": ", "\"optimizer_bytes\": 99999", "optimizer.safetensors.zst"),
    ("\"--method cut\"", "7", "\"losses\""), ("\"losses\": [", "\"losses\": 1, \"x\": [", "\"losses\""),
    ("\"optimizer_bytes\"", "\"bytes\"", "optimizer_bytes"),
  ])
  func aWrongNumberIsNamed(_ found: String, _ replacement: String, _ name: String) throws {
    try rewriteState { $0.replacing(found, with: replacement, maxReplacements: 1) }
    expectRefusal("adapter/", name)
  }
}
