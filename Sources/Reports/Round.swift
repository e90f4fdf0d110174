import Records
import Tensors

/// What a recipe did between two looks at the test problems.
public struct Round: Sendable {
  /// How the page calls it.
  public var name: String
  /// Answers to the test problems, and the graded stream, within the work folder.
  public var test: TestResult?, graded: String
  /// The sampled answers that it learned from; nil if it learned nothing.
  public var samples: TestResult?
  /// Optimiser steps.
  public var steps: [TrainingStep] = []
  /// What the answers' weights add up to; nil where they were made while training, or not at all.
  public var weights: WeightTotals?
  /// The adapter's training_state.json.
  public var state: JSON?
  /// What computed the answers' scores.
  public var origin: FrameOrigin?
  /// The saliency map, within the work folder, and its size in bytes.
  public var map: (path: String, bytes: Int)?
  /// What was run.
  public var stages: [Stage] = []

  /// Reads what is there of a round.
  /// - Parameters:
  ///   - name: how the page calls it.
  ///   - work: the work folder.
  ///   - folder: where it learned, within the work folder; nil if it did not.
  ///   - testFolder: where the test problems are answered.
  init(name: String, work: String, folder: String?, testFolder: String) throws {
    self.name = name
    graded = testFolder + "/graded.jsonl"
    test = try TestResult("\(work)/\(testFolder)/summary.json")
    if let folder {
      let prefix = folder.isEmpty ? "" : folder + "/"
      let path = "\(work)/\(prefix)"
      samples = try TestResult(path + "summary.json") ?? TestResult(path + "samples.json")
      steps = try TrainingStep.read(path + "steps.jsonl")
      weights = try WeightTotals(path + "weighted.jsonl")
      state = try RunFiles.json(path + "adapter/training_state.json")
      origin = try Self.origin(path)
      map = RunFiles.size(path + "map.html").map { (prefix + "map.html", $0) }
      // The work folder's own stages are listed for themselves.
      if !folder.isEmpty { stages = try Stage.read(work: work, folder: folder, isTest: false) }
    }
    stages += try Stage.read(work: work, folder: testFolder, isTest: true)
  }

  /// From the first frame of scores, where the archive is still where the records say.
  private static func origin(_ folder: String) throws -> FrameOrigin? {
    guard let record = try RunFiles.firstRecord(folder + "judged.jsonl"), let scores = record["scores"] else {
      return nil
    }
    let reference = try? FrameReference(json: scores, field: "scores")
    guard let reference, RunFiles.size(reference.archive) != nil else { return nil }
    return (try? ArchiveReader().read(reference)).map { FrameOrigin(metadata: $0.metadata) }
  }

  /// A sum over the steps, or nil without any.
  func total(_ value: (TrainingStep) -> Double) -> Double? {
    steps.isEmpty ? nil : steps.reduce(0) { $0 + value($1) }
  }

  /// How the weights were made, as far as the adapter says it.
  var weighing: [String] { state?["losses"]?.array?.compactMap(\.string) ?? [] }
}
