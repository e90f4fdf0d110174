import Records

/// A stage of a recipe, as pipelines/stage.sh recorded it.
public struct Stage: Sendable, Equatable {
  /// What a stage does, in the order in which the page lists them.
  public enum Kind: String, Sendable, CaseIterable {
    case tokenize
    case sample
    case grade
    case judge
    case saliency
    case step
    case testSample = "test: sample"
    case testGrade = "test: grade"
  }

  /// The folder within the work folder, empty for itself.
  public var folder: String
  /// The output's name, without ending.
  public var name: String
  /// What it does; nil if the name does not tell.
  public var kind: Kind?
  /// Wall time in seconds.
  public var seconds: Double?
  /// The most memory that it held, in bytes.
  public var memory: Int?
  /// The command line.
  public var command: String?
  /// Records done and failed.
  public var done: Int?, failed: Int?
  /// What was warned of.
  public var warnings: [String] = []
  /// When it ended, in seconds since 1970.
  public var ended: Int?

  /// The output's path without ending, within the work folder.
  public var path: String { folder.isEmpty ? name : "\(folder)/\(name)" }

  /// The stages of a folder, in the order in which data goes through them.
  /// - Parameters:
  ///   - work: the work folder.
  ///   - folder: within it; empty for itself.
  ///   - isTest: whether test problems are answered there.
  static func read(work: String, folder: String, isTest: Bool) throws -> [Stage] {
    let path = folder.isEmpty ? work : "\(work)/\(folder)"
    let stages = try RunFiles.names(in: path + "/.seconds").map { name -> Stage in
      var stage = Stage(folder: folder, name: name, kind: kind(of: name, isTest: isTest))
      stage.seconds = try RunFiles.text("\(path)/.seconds/\(name)").flatMap { Double($0) }
      stage.memory = try RunFiles.text("\(path)/.stage/\(name).memory").flatMap { Int($0) }
      stage.command = try RunFiles.text("\(path)/.stage/\(name).command")
      stage.ended = RunFiles.modified("\(path)/.seconds/\(name)")
      if let log = try RunFiles.text("\(path)/\(name).log") { stage.readLog(log) }
      return stage
    }
    let order = { (stage: Stage) in stage.kind.flatMap { Kind.allCases.firstIndex(of: $0) } ?? Kind.allCases.count }
    return stages.enumerated().sorted { (order($0.element), $0.offset) < (order($1.element), $1.offset) }.map(\.element)
  }

  /// By the names that the recipes give their files.
  private static func kind(of name: String, isTest: Bool) -> Kind? {
    switch name {
    case "train", "test", "tokenized": .tokenize
    case "sampled", "answers": isTest ? .testSample : .sample
    case "graded": isTest ? .testGrade : .grade
    case "judged", "records": .judge
    case "weighted": .saliency
    case "steps": .step
    default: nil
    }
  }

  /// Takes `… done 397, failed 3` and warnings from what the tool said.
  private mutating func readLog(_ log: String) {
    for line in log.split(separator: "\n") {
      guard let colon = line.firstRange(of: ": ") else { continue }
      let message = line[colon.upperBound...]
      if message.hasPrefix("warning: ") { warnings.append(String(line)) }
      guard message.hasPrefix("done ") else { continue }
      let numbers = message.dropFirst(5).split(separator: ",", maxSplits: 1)
      guard numbers.count == 2, let done = Int(numbers[0]), numbers[1].hasPrefix(" failed "),
        let failed = Int(numbers[1].dropFirst(8))
      else { continue }
      (self.done, self.failed) = (done, failed)
    }
  }
}
