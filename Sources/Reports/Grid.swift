import Grading
import Records

/// Arms that learned from the same rows, for several sizes and seeds, and answered the same test problems.
public struct Grid: Sendable {
  /// One arm at one size, over all seeds.
  public struct Cell: Sendable {
    /// What was learned, and from how many problems.
    public var arm: String, size: Int
    /// Seeds that are there.
    public var seeds: [Int]
    /// Accuracy over seeds and problems; its standard error is clustered by problem.
    public var accuracy: ClusteredMean
    /// Less that of `distill`, paired by problem and seed; nil without it.
    public var difference: ClusteredMean?
  }

  /// Arms as people would tell them, and sizes ascending.
  public var arms: [String] = [], sizes: [Int] = []
  /// What is there, by arm and size.
  public var cells: [Cell] = []
  /// All cells' stages.
  public var stages: [Stage] = []
  /// What the others are compared with.
  public static let reference = "distill"
  private static let order = [
    "sft", "distill", "distill-correct", "distill-cleaned", "cut", "dft", "nlft-reference", "nlft", "nlft-own",
    "nlft-shuffled",
  ]

  /// Reads `seed-S/SIZE/ARM/graded.jsonl` of a folder.
  init(folder: String) throws {
    var verdicts: [String: [Int: [Int: [(id: String, isRight: Bool)]]]] = [:]
    for entry in RunFiles.names(in: folder) {
      guard entry.hasPrefix("seed-"), let seed = Int(entry.dropFirst(5)) else { continue }
      stages += try Stage.read(work: folder, folder: entry, isTest: false)
      for size in RunFiles.names(in: "\(folder)/\(entry)").compactMap({ Int($0) }).sorted() {
        for arm in RunFiles.names(in: "\(folder)/\(entry)/\(size)") {
          let cell = "\(entry)/\(size)/\(arm)"
          var answers: [(id: String, isRight: Bool)] = []
          let isThere = try RunFiles.records("\(folder)/\(cell)/graded.jsonl") { record in
            guard let id = record.idText else { throw RecordError(missing: "id") }
            answers.append((id, try record.optionalBool("correct") ?? false))
          }
          guard isThere else { continue }
          verdicts[arm, default: [:]][size, default: [:]][seed] = answers
          // Here a cell's own grading is that of the test problems.
          stages += try Stage.read(work: folder, folder: cell, isTest: true)
        }
      }
    }
    sizes = Set(verdicts.values.flatMap(\.keys)).sorted()
    arms = Self.order.filter { verdicts[$0] != nil } + verdicts.keys.filter { !Self.order.contains($0) }.sorted()
    for arm in arms {
      for size in sizes {
        guard let seeds = verdicts[arm]?[size] else { continue }
        let other = arm == Self.reference ? nil : verdicts[Self.reference]?[size]
        cells.append(Self.cell(arm, size, seeds, comparedWith: other))
      }
    }
  }

  private static func cell(
    _ arm: String, _ size: Int, _ seeds: [Int: [(id: String, isRight: Bool)]],
    comparedWith other: [Int: [(id: String, isRight: Bool)]]?
  ) -> Cell {
    var values: [(cluster: String, value: Double)] = []
    var differences: [(cluster: String, value: Double)] = []
    for (seed, answers) in seeds.sorted(by: { $0.key < $1.key }) {
      let there = Dictionary((other?[seed] ?? []).map { ($0.id, $0.isRight) }) { first, _ in first }
      for (id, isRight) in answers {
        values.append((id, isRight ? 1 : 0))
        if let was = there[id] { differences.append((id, (isRight ? 1 : 0) - (was ? 1 : 0))) }
      }
    }
    return Cell(
      arm: arm, size: size, seeds: seeds.keys.sorted(), accuracy: ClusteredMean(values),
      difference: differences.isEmpty ? nil : ClusteredMean(differences))
  }

  /// The cell of an arm and size, if it is there.
  public func cell(_ arm: String, _ size: Int) -> Cell? { cells.first { $0.arm == arm && $0.size == size } }
}

extension ClusteredMean {
  /// The mean's 95 % interval, from the normal distribution.
  var interval: ClosedRange<Double>? {
    guard let mean, let standardError else { return nil }
    return (mean - TestResult.normalQuantile * standardError)...(mean + TestResult.normalQuantile * standardError)
  }
}
