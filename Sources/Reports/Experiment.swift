import Records

/// A run of a recipe, as its work folder has it.
public struct Experiment: Sendable {
  /// The work folder as it was named.
  public var folder: String
  /// The untouched model first, then each round of learning.
  public var rounds: [Round] = []
  /// The settings' stamps: name and text.
  public var settings: [(name: String, text: String)] = []
  /// Stages that prepare records for all rounds.
  public var preparation: [Stage] = []
  /// What became of the test problems from the untouched model to the last round; nil if either is missing.
  public var change: AnswerChange?
  /// The cells of a grid of arms, sizes and seeds; nil in a run of rounds.
  public var grid: Grid?

  /// Reads a work folder: of rounds (`round-0/test` …), of one run (`base`, `tuned`), or a grid (`base`, `seed-1` …).
  /// - Throws: `ReportError` or `FileError` naming the file at fault.
  public init(folder: String) throws {
    let names = RunFiles.names(in: folder)
    guard !names.isEmpty else { throw ReportError("\(folder): is not there or has nothing in it") }
    self.folder = folder
    for name in RunFiles.names(in: folder + "/.settings") where !name.hasSuffix(".tmp") {
      settings.append((name, try RunFiles.text("\(folder)/.settings/\(name)") ?? ""))
    }
    preparation = try Stage.read(work: folder, folder: "", isTest: false)
    if names.contains(where: { $0.hasPrefix("round-") }) {
      // Rounds of an earlier, longer run may lie behind those that were asked for.
      let wanted = settings.first { $0.name == "rounds" }.flatMap { Int($0.text) }
      let numbers = names.compactMap { $0.hasPrefix("round-") ? Int($0.dropFirst(6)) : nil }.sorted()
      for number in numbers where number <= wanted ?? Int.max {
        rounds.append(
          try Round(
            name: "\(number)", work: folder, folder: number == 0 ? nil : "round-\(number)",
            testFolder: "round-\(number)/test"))
      }
    } else if names.contains("tuned") {
      rounds = [
        try Round(name: "before", work: folder, folder: nil, testFolder: "base"),
        try Round(name: "after", work: folder, folder: "", testFolder: "tuned"),
      ]
    } else if names.contains(where: { $0.hasPrefix("seed-") }) {
      rounds = [try Round(name: "untouched", work: folder, folder: nil, testFolder: "base")]
      grid = try Grid(folder: folder)
    }
    guard rounds.contains(where: { $0.test != nil }) else {
      throw ReportError("\(folder): has no graded test problems: run the recipe first")
    }
    if let first = rounds.first(where: { $0.test != nil }), let last = rounds.last(where: { $0.test != nil }),
      first.graded != last.graded
    {
      change = try AnswerChange(before: "\(folder)/\(first.graded)", after: "\(folder)/\(last.graded)")
    }
  }

  /// All stages in the order in which they follow from each other.
  public var stages: [Stage] { preparation + rounds.flatMap(\.stages) + (grid?.stages ?? []) }

  /// When the last stage ended, in seconds since 1970.
  public var ended: Int? { stages.compactMap(\.ended).max() }

  /// A setting's text.
  func setting(_ name: String) -> String? { settings.first { $0.name == name }?.text }
}
